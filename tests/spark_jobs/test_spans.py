"""Spans of offsets, compared with plain sets of numbers."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from spark_jobs.spans import Span, count_offsets, find_overlaps, merge_spans, subtract_spans, to_words

spans = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=6)


def offsets(of: list[Span]) -> set[int]:
    """The offsets themselves."""
    return {offset for begin, end in of for offset in range(begin, end)}


def assert_apart(of: list[Span]) -> None:
    """In order, none empty, none touching the next."""
    assert all(begin < end for begin, end in of)
    assert all(before[1] < after[0] for before, after in pairwise(of))


@given(spans, spans)
def test_sums_and_differences_are_those_of_sets(left: list[Span], right: list[Span]) -> None:
    """Whatever overlaps, touches, or is empty."""
    assert offsets(merge_spans(left)) == offsets(left)
    assert_apart(merge_spans(left))
    assert offsets(subtract_spans(left, right)) == offsets(left) - offsets(right)
    assert count_offsets(subtract_spans(left, right)) == len(offsets(left) - offsets(right))


@given(spans)
def test_overlaps_are_what_stands_in_two(of: list[Span]) -> None:
    """Or in more."""
    times = Counter(offset for begin, end in of for offset in range(begin, end))
    assert offsets(find_overlaps(of)) == {offset for offset, number in times.items() if number > 1}


def test_words_include_the_last_offset() -> None:
    """As every other text of ours does."""
    assert (to_words((5, 6)), to_words((5, 9))) == ("offset 5", "offsets 5 to 8")
