"""Listening: decoded audio and a backend go in, a transcript with its flags comes out."""
