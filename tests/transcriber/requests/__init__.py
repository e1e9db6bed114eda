"""Tests of requests: who asks for a transcription, and what it would cost."""
