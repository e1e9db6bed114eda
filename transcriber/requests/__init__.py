"""Requests: who asks for what is said in videos, and what that would take."""
