"""Tests of trendscript.demo."""
