"""Tests of importing charts from files."""
