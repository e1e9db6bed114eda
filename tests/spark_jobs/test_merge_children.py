"""Merging parents with their children: the set of the message that won replaces the old set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_jobs.counts import TableCounts
from tests.builders import (
    canonical_digest,
    query,
    read_table,
    read_versions,
)
from tests.series import a_season, a_series
from tests.spark_jobs.merging import (
    FIRST,
    SERIES,
    Message,
    a_few_examples,
    an_instant,
    children,
    cuts,
    in_ranges,
    merge_series,
    micros,
)

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn


def test_the_children_of_the_winner_replace_the_old_ones(series_database: str) -> None:
    """At any depth: some go, some stay as they are, some change, some come."""
    counts = merge_series(series_database, FIRST)
    assert (counts["series"], counts["season"]) == (TableCounts(rows=1, inserted=1), TableCounts(rows=2, inserted=2))
    second = a_series(
        captured_at=an_instant(1), seasons=[a_season(1, "a", "B", "d"), a_season(3)], genres=["spy", "noir"]
    )
    counts = merge_series(series_database, second)
    assert counts["series"] == TableCounts(rows=1, updated=1)
    assert counts["season"] == TableCounts(rows=2, inserted=1, unchanged=1, deleted=1)
    assert counts["episode"] == TableCounts(rows=3, inserted=1, updated=1, unchanged=1, deleted=1)
    assert counts["genre"] == TableCounts(rows=2, updated=2)
    assert children(series_database) == {
        "season": [("s1", 1, None), ("s1", 3, None)],
        "episode": [("s1", 1, 0, "a"), ("s1", 1, 1, "B"), ("s1", 1, 2, "d")],
        "genre": [("s1", "spy"), ("s1", "noir")],
    }


def test_a_winner_without_children_leaves_none(series_database: str) -> None:
    """An empty set is a set."""
    merge_series(series_database, FIRST, a_series("s2", genres=["war"]))
    counts = merge_series(series_database, a_series(captured_at=an_instant(1)))
    assert [counts[name].deleted for name in ("season", "episode", "genre")] == [2, 3, 2]
    assert children(series_database) == {"season": [], "episode": [], "genre": [("s2", "war")]}


def test_a_stale_parent_leaves_children_alone(series_database: str) -> None:
    """Its children are stale with it, whether new, changed or missing."""
    merge_series(series_database, FIRST)
    before = read_versions(series_database, SERIES)
    older = a_series(captured_at="2026-11-20T11:00:00Z", seasons=[a_season(1, "x", "y", "z")], genres=["war"])
    counts = merge_series(series_database, older)
    assert counts["series"] == TableCounts(rows=1, stale=1)
    assert counts["episode"] == TableCounts(rows=3, stale=3)
    assert counts["genre"] == TableCounts(rows=1, stale=1)
    assert read_versions(series_database, SERIES) == before


def test_an_unchanged_parent_leaves_children_alone(series_database: str) -> None:
    """The same message again writes nothing."""
    merge_series(series_database, FIRST)
    before = read_versions(series_database, SERIES)
    counts = merge_series(series_database, FIRST)
    assert (counts["series"], counts["episode"]) == (TableCounts(rows=1, unchanged=1), TableCounts(rows=3, unchanged=3))
    assert read_versions(series_database, SERIES) == before


def test_of_several_versions_in_a_range_one_set_of_children_stays(series_database: str) -> None:
    """That of the newest, wherever it stands; the others are duplicates with all their children."""
    newest = a_series(captured_at=an_instant(2), seasons=[a_season(1, "new")])
    between = a_series(captured_at=an_instant(1), seasons=[a_season(1, "mid"), a_season(4, "x")], genres=["war"])
    counts = merge_series(series_database, FIRST, newest, between, newest)
    assert counts["series"] == TableCounts(rows=4, inserted=1, duplicate=3)
    assert counts["season"] == TableCounts(rows=6, inserted=1, duplicate=5)
    assert counts["episode"] == TableCounts(rows=7, inserted=1, duplicate=6)
    assert counts["genre"] == TableCounts(rows=3, duplicate=3)
    assert children(series_database) == {"season": [("s1", 1, None)], "episode": [("s1", 1, 0, "new")], "genre": []}


def test_a_child_that_only_a_losing_version_still_has_goes(series_database: str) -> None:
    """Both versions come in one range; what counts is the winner's set alone."""
    merge_series(series_database, FIRST)
    between = {**FIRST, "captured_at": an_instant(1)}
    counts = merge_series(series_database, between, a_series(captured_at=an_instant(2), genres=["spy"]))
    assert (counts["genre"].deleted, counts["episode"].deleted) == (1, 3)
    assert children(series_database) == {"season": [], "episode": [], "genre": [("s1", "spy")]}


def test_a_child_that_is_there_twice_is_a_duplicate(series_database: str) -> None:
    """The same genre twice in a message: one row, the one with the higher digest."""
    counts = merge_series(series_database, a_series(genres=["noir", "spy", "noir"]))
    assert counts["genre"] == TableCounts(rows=3, inserted=2, duplicate=1)


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("turn", [1, -1])
def test_equal_versions_with_different_children_are_decided_by_the_digest(
    series_database: str, turn: int, *, together: bool
) -> None:
    """In one range or in two, in either order, the same whole set stays."""
    sets: list[Message] = [{"genres": ["noir", "spy"]}, {"genres": ["war"], "seasons": [a_season(1, "a")]}]
    ordered = [a_series(**each) for each in sets][::turn]
    for batch in [ordered] if together else [[message] for message in ordered]:
        merge_series(series_database, *batch)
    row = ("s1", "A series", None, micros(0))
    spy = canonical_digest(row, [[], [], genre_rows("noir", "spy")])
    war = canonical_digest(row, [[("s1", 1, None)], [("s1", 1, 0, "a", 0)], genre_rows("war")])
    expected = ["noir", "spy"] if spy > war else ["war"]
    assert [genre for _, genre in children(series_database)["genre"]] == expected
    assert len(children(series_database)["episode"]) == (0 if spy > war else 1)


def genre_rows(*genres: str) -> list[tuple[str, str, int]]:
    """The rows of the genres of s1."""
    return [("s1", genre, position) for position, genre in enumerate(genres)]


def test_a_replay_replaces_children_of_an_equal_version(series_database: str) -> None:
    """With a mended contract, the set of an equal version takes effect whatever its digest."""
    merge_series(series_database, a_series(genres=["noir"]))
    merge_series(series_database, a_series(genres=["spy"]), overwrite_equal=True)
    merge_series(series_database, a_series(genres=["noir"]), overwrite_equal=True)
    assert children(series_database)["genre"] == [("s1", "noir")]


def test_a_rating_before_its_series_makes_a_stub_that_the_series_fills(series_database: str) -> None:
    """Also where the parent is one that decides over children."""
    rated = {**a_series(), "ratings": [{"series_id": "s9", "stars": 4.5}]}
    assert merge_series(series_database, rated)["series"] == TableCounts(rows=1, inserted=1, stubs=1)
    counts = merge_series(series_database, a_series("s9", genres=["war"]))
    assert (counts["series"], counts["genre"]) == (TableCounts(rows=1, updated=1), TableCounts(rows=1, inserted=1))


@st.composite
def series_messages(draw: DrawFn) -> Message:
    """Few series, few times, few children."""
    seasons = draw(st.lists(st.tuples(st.integers(1, 2), st.lists(st.sampled_from("xy"), max_size=2)), max_size=2))
    genres = draw(st.lists(st.sampled_from(["noir", "spy"]), max_size=2, unique=True))
    unique = {number: a_season(number, *titles) for number, titles in seasons}
    captured_at = an_instant(draw(st.integers(0, 1)))
    return a_series(draw(st.sampled_from(["s1", "s2"])), captured_at, seasons=list(unique.values()), genres=genres)


def series_rows(message: Message) -> tuple[tuple[Any, ...], list[list[tuple[Any, ...]]]]:
    """The parent's row and its children's, table by table, as the contract says them."""
    series = message["series"]
    parent = (series["id"], series["title"], None, micros(int(message["captured_at"][14:16])))
    seasons = [(series["id"], season["number"], None) for season in series["seasons"]]
    episodes = [
        (series["id"], season["number"], position, episode["title"], around)
        for around, season in enumerate(series["seasons"])
        for position, episode in enumerate(season["episodes"])
    ]
    return parent, [
        seasons,
        episodes,
        [(series["id"], *rest) for rest in map(reversed_pair, enumerate(series["genres"]))],
    ]


def reversed_pair(pair: tuple[int, str]) -> tuple[str, int]:
    """A pair turned round."""
    return pair[1], pair[0]


@a_few_examples
@given(messages=st.lists(series_messages(), min_size=1, max_size=10), where=cuts)
def test_children_are_those_of_the_winning_message_however_messages_are_cut(
    series_database: str, messages: list[Message], where: list[int]
) -> None:
    """Of each series the whole set of one message: the one with the highest version and digest."""
    query(series_database, "truncate made_up.series cascade")
    winners: dict[str, tuple[Any, ...]] = {}
    for message in messages:
        parent, sets = series_rows(message)
        found = (parent[-1], canonical_digest(parent, sets), parent, sets)
        winners[parent[0]] = max(winners.get(parent[0], (0, b"")), found)
    for number, part in enumerate(in_ranges(messages, where)):
        merge_series(series_database, *part, at=(number, number))
    tables = [read_table(series_database, table, with_digest=False) for table in SERIES.tables[:4]]
    assert tables[0] == sorted(parent for _, _, parent, _ in winners.values())
    for number, rows in enumerate(tables[1:]):
        assert set(rows) == {row for _, _, _, sets in winners.values() for row in sets[number]}
    before = read_versions(series_database, SERIES)
    merge_series(series_database, *reversed(messages))
    assert read_versions(series_database, SERIES) == before


# Two transactions at once.
