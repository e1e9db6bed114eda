"""Tests of audio: sources and decoding."""
