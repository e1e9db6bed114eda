"""Merging as tests see it: messages go in as one range, counts come out."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from spark_jobs.counts import TableCounts
from tests.builders import merge_values, query, to_bytes
from tests.series import a_season, a_series, a_series_contract
from trendscript.contracts import load_contract

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator


TRENDING = load_contract("youtube_trending")
VIDEO, ENTRY, READING = TRENDING.tables
SERIES = a_series_contract()

a_few_examples = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

Message = dict[str, Any]
FoldRow = tuple[int, bytes, tuple[Any, ...]]  # version, digest, values


def merge_chart(dsn: str, *messages: Message, **how: Any) -> dict[str, TableCounts]:
    """Merge chart messages as one range."""
    return merge_values(dsn, TRENDING, [to_bytes(message) for message in messages], **how)


def merge_series(dsn: str, *messages: Message, **how: Any) -> dict[str, TableCounts]:
    """Merge messages about series as one range; counts by the table's short name."""
    counts = merge_values(dsn, SERIES, [to_bytes(message) for message in messages], **how)
    return {name.removeprefix("made_up."): found for name, found in counts.items()}


def an_instant(minute: int) -> str:
    """A time of 20 November 2026."""
    return f"2026-11-20T12:{minute:02}:00Z"


def micros(minute: int) -> int:
    """The same as microseconds since 1970."""
    return 1795176000000000 + minute * 60_000_000


def in_ranges(messages: list[Message], cuts: list[int]) -> Iterator[list[Message]]:
    """The messages in consecutive parts."""
    edges = [0, *sorted(cut % (len(messages) + 1) for cut in cuts), len(messages)]
    return (messages[start:end] for start, end in itertools.pairwise(edges))


def assert_counted(found: dict[str, TableCounts], expected: dict[str, Counter[str]]) -> None:
    """Each table's counts are the fold's."""
    assert found == {name: TableCounts(**counts) for name, counts in expected.items()}


cuts = st.lists(st.integers(0, 30), max_size=3)


def children(dsn: str) -> dict[str, list[tuple[Any, ...]]]:
    """Seasons, episodes and genres by their keys and titles."""
    return {
        "season": query(dsn, "select series_id, number, title from made_up.season order by 1, 2"),
        "episode": query(dsn, "select series_id, season_number, position, title from made_up.episode order by 1, 2, 3"),
        "genre": query(dsn, "select series_id, genre from made_up.genre order by 1, position"),
    }


FIRST = a_series(seasons=[a_season(1, "a", "b"), a_season(2, "c")], genres=["noir", "spy"])
