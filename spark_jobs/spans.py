"""Spans of offsets: pairs of a first offset and the one after the last go in, their sums and differences come out."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Span = tuple[int, int]


def merge_spans(spans: Iterable[Span]) -> list[Span]:
    """All that the spans cover, in order; neighbours and overlaps are one."""
    merged: list[Span] = []
    for begin, end in sorted(spans):
        if begin >= end:
            continue
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged


def subtract_spans(spans: Iterable[Span], others: Iterable[Span]) -> list[Span]:
    """What the spans cover and the others don't, in order."""
    left, removed = merge_spans(spans), merge_spans(others)
    for begin, end in removed:
        left = [
            part
            for span in left
            for part in ((span[0], min(span[1], begin)), (max(span[0], end), span[1]))
            if part[0] < part[1]
        ]
    return left


def find_overlaps(spans: Iterable[Span]) -> list[Span]:
    """What two or more of the spans cover, in order."""
    ordered = sorted(spans)
    reached = accumulate((end for _, end in ordered), max)
    return merge_spans(
        (following[0], min(reach, following[1]))
        for (_, following), reach in zip(pairwise(ordered), reached, strict=False)
    )


def count_offsets(spans: Iterable[Span]) -> int:
    """How many offsets the spans have together."""
    return sum(end - begin for begin, end in spans)


def to_words(span: Span) -> str:
    """The span as a person reads it, its last offset included."""
    begin, end = span
    return f"offset {begin}" if end == begin + 1 else f"offsets {begin} to {end - 1}"
