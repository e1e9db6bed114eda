"""Tests of the embedded servers and what they stand on."""
