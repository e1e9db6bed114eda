"""Tests of listening: pieces, what is kept of them, flags, and the local backend."""
