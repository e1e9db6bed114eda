"""Tests of what a release is made of, and of what is known against it."""
