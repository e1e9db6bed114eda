"""Pieces that a server finds too long: one goes in, two come out, cut where nobody speaks."""

from __future__ import annotations

from itertools import pairwise

from transcriber.backends.backend import SAMPLE_RATE, Piece, Speech


def halve(piece: Piece) -> tuple[Piece, Piece]:
    """Two pieces that make up this one, neither more than three quarters of it.

    The cut is in the middle of the longest silence of its middle half; exactly half way where there is none.
    """
    cut = int(_cut(piece) * SAMPLE_RATE)
    return _part(piece, 0, cut), _part(piece, cut, len(piece.samples))


def _cut(piece: Piece) -> float:
    """Seconds from the piece's start."""
    from_, until = piece.seconds * 0.25, piece.seconds * 0.75
    silences = [(before.end, after.start) for before, after in pairwise(piece.speech)]
    inside = [(max(start, from_), min(end, until)) for start, end in silences]
    start, end = max(inside, key=lambda silence: silence[1] - silence[0], default=(0.0, 0.0))
    return (start + end) / 2 if end > start else piece.seconds / 2


def _part(piece: Piece, start: int, end: int) -> Piece:
    from_, until = start / SAMPLE_RATE, end / SAMPLE_RATE
    speech = tuple(
        Speech(max(spoken.start, from_) - from_, min(spoken.end, until) - from_)
        for spoken in piece.speech
        if spoken.start < until and spoken.end > from_
    )
    return Piece(piece.start + from_, piece.samples[start:end], speech)
