"""Tests of the sources and their topics."""
