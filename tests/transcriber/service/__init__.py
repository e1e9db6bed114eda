"""Tests of the service that works off requests."""
