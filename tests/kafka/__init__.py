"""Tests of publishing and topics, against a real broker."""
