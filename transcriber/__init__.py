"""The transcriber: requests go in, what is said in videos comes out; it shares topics with the other services."""
