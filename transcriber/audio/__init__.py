"""Audio: a video id goes in, a checked and decoded file of its sound comes out."""
