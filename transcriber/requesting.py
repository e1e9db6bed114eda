"""Asking for transcriptions: a wish goes in, its videos go to the topic, a report or a plan comes out."""
