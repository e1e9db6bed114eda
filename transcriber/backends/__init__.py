"""Backends: a piece of audio goes in, what is said in it comes out."""
