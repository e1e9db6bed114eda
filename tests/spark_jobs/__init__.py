"""Tests of the load job, on real servers where it talks to any."""
