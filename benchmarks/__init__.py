"""Measurements, printed as a table and as JSON."""
