"""Merging staged rows into tables of a real Postgres, held against a fold in plain Python."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest
from adbc_driver_manager import Error
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spark_jobs.counts import TableCounts
from spark_jobs.merge import merge_tables
from spark_jobs.transaction import RangeTransaction
from tests.builders import (
    a_bare_chart_message,
    a_chart_message,
    canonical_digest,
    merge_values,
    query,
    read_table,
    read_versions,
    stage_values,
    to_bytes,
)
from tests.series import DDL, a_season, a_series, a_series_contract
from trendscript.contracts import load_contract

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hypothesis.strategies import DrawFn

TRENDING = load_contract("youtube_trending")
VIDEO, ENTRY, READING = TRENDING.tables
SERIES = a_series_contract()

a_few_examples = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

Message = dict[str, Any]
FoldRow = tuple[int, bytes, tuple[Any, ...]]  # version, digest, values


@pytest.fixture
def series_database(empty_database: str) -> str:
    """A database with the tables of the made-up contract."""
    query(empty_database, DDL)
    return empty_database


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


# Newest and append, by a fold in plain Python.


class Fold:
    """One table as a dictionary: of each key the row with the highest version and digest."""

    def __init__(self) -> None:
        self.rows: dict[Any, FoldRow] = {}

    def load(self, rows: list[tuple[Any, FoldRow]]) -> Counter[str]:
        """Take a range's rows (key; version, digest, values); how many had which outcome."""
        counts = Counter(rows=len(rows))
        newest: dict[Any, FoldRow] = {}
        for key, row in rows:
            newest[key] = max(newest.get(key, row), row)
        counts["duplicate"] = len(rows) - len(newest)
        for key, row in newest.items():
            counts[self._take(key, row)] += 1
        return counts

    def _take(self, key: Any, row: FoldRow) -> str:
        known = self.rows.get(key)
        if known is None or known[:2] < row[:2]:
            self.rows[key] = row
            return "inserted" if known is None else "updated"
        return "unchanged" if known[:2] == row[:2] else "stale"

    def add_stubs(self, keys: Iterable[str], width: int) -> int:
        """Rows with a key only, for keys that nobody has; how many."""
        missing = set(keys) - set(self.rows)
        self.rows.update({key: (-1, b"", (key, *[None] * (width - 1))) for key in missing})
        return len(missing)

    def contents(self) -> set[tuple[Any, ...]]:
        """The rows, without their digests."""
        return {row for _, _, row in self.rows.values()}


class ChartFold:
    """The three tables of the charts."""

    def __init__(self) -> None:
        self.video, self.entry, self.reading = Fold(), Fold(), Fold()

    def load(self, messages: list[Message]) -> dict[str, Counter[str]]:
        """What a range of these messages does."""
        videos = [self._row(VIDEO, 0, self._video(message)) for message in messages if "snippet" in message["item"]]
        entries = [self._row(ENTRY, None, self._entry(message)) for message in messages]
        readings = [self._row(READING, None, self._reading(message)) for message in messages]
        counts = {
            "processed.video": self.video.load(videos),
            "processed.chart_entry": self.entry.load(entries),
            "processed.chart_reading": self.reading.load(readings),
        }
        stubs = self.video.add_stubs((message["item"]["id"] for message in messages), len(VIDEO.columns))
        counts["processed.video"]["stubs"] = stubs
        return counts

    @staticmethod
    def _row(table: Any, version: int | None, known: dict[str, Any]) -> tuple[Any, FoldRow]:
        values = tuple(known.get(name) for name in table.column_names)
        key = known["video_id"] if table is VIDEO else tuple(known[name] for name in table.key)
        return key, (0 if version is None else known["captured_at"], canonical_digest(*values), values)

    @staticmethod
    def _video(message: Message) -> dict[str, Any]:
        title = message["item"]["snippet"].get("title")
        return {"video_id": message["item"]["id"], "title": title, **ChartFold._envelope(message)}

    @staticmethod
    def _entry(message: Message) -> dict[str, Any]:
        views = message["item"].get("statistics", {}).get("viewCount")
        place = {"video_id": message["item"]["id"], "rank": message["rank"], "view_count": views}
        return {**place, **ChartFold._reading(message)}

    @staticmethod
    def _reading(message: Message) -> dict[str, Any]:
        names = ("region_code", "category_id", "size")
        return {**{name: message[name] for name in names}, **ChartFold._envelope(message)}

    @staticmethod
    def _envelope(message: Message) -> dict[str, Any]:
        return {"source": message["source"], "captured_at": micros(int(message["captured_at"][14:16]))}


@st.composite
def chart_messages(draw: DrawFn) -> Message:
    """Few videos, few times, few contents: so that they meet."""
    video_id, minute = draw(st.sampled_from("abc")) * 11, draw(st.integers(0, 2))
    envelope = {"rank": draw(st.integers(1, 2)), "size": draw(st.integers(1, 2)), "captured_at": an_instant(minute)}
    if not draw(st.booleans()):
        return a_bare_chart_message(video_id, **envelope)
    item = {"statistics": {"viewCount": draw(st.integers(0, 2))}}
    return a_chart_message(video_id, snippet={"title": draw(st.sampled_from(["x", "é", None]))}, item=item, **envelope)


def in_ranges(messages: list[Message], cuts: list[int]) -> Iterator[list[Message]]:
    """The messages in consecutive parts."""
    edges = [0, *sorted(cut % (len(messages) + 1) for cut in cuts), len(messages)]
    return (messages[start:end] for start, end in itertools.pairwise(edges))


def assert_counted(found: dict[str, TableCounts], expected: dict[str, Counter[str]]) -> None:
    """Each table's counts are the fold's."""
    assert found == {name: TableCounts(**counts) for name, counts in expected.items()}


cuts = st.lists(st.integers(0, 30), max_size=3)


@a_few_examples
@given(messages=st.lists(chart_messages(), min_size=1, max_size=20), first=cuts, second=cuts, shuffled=st.randoms())
def test_tables_are_what_a_fold_says_however_messages_are_cut_and_ordered(
    database: str, messages: list[Message], first: list[int], second: list[int], shuffled: Any
) -> None:
    """Counts and contents agree with plain Python; the same messages again, reordered and recut, write nothing."""
    query(database, "truncate processed.chart_reading, processed.video cascade")
    fold = ChartFold()
    for number, part in enumerate(in_ranges(messages, first)):
        assert_counted(merge_chart(database, *part, at=(number, number)), fold.load(part))
    for table, expected in ((VIDEO, fold.video), (ENTRY, fold.entry), (READING, fold.reading)):
        assert set(read_table(database, table, with_digest=False)) == expected.contents()
    before = read_versions(database, TRENDING)
    shuffled.shuffle(messages)
    for number, part in enumerate(in_ranges(messages, second)):
        counts = merge_chart(database, *part, at=(9 - number, 9))
        assert all(found.inserted + found.updated + found.stubs == 0 for found in counts.values())
    assert read_versions(database, TRENDING) == before


def test_a_replay_writes_nothing_that_postgres_would_count(database: str) -> None:
    """No insert, update or delete in the statistics of the transaction itself, so nothing for vacuum to do."""
    messages = [to_bytes(a_chart_message(letter * 11, rank=number)) for number, letter in enumerate("abcd", 1)]
    merge_values(database, TRENDING, messages)
    with RangeTransaction(database) as transaction:
        statements = stage_values(transaction, TRENDING, messages)
        counts = merge_tables(transaction, statements, 7, 7)
        written = transaction.execute(
            "select coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint from pg_stat_xact_user_tables "
            "where schemaname = 'processed'"
        )
        transaction.commit()
    assert written == [(0,)]
    assert counts["processed.video"] == TableCounts(rows=4, unchanged=4)
    assert counts["processed.chart_reading"] == TableCounts(rows=4, unchanged=1, duplicate=3)


@pytest.mark.parametrize("turn", [1, -1])
def test_equal_versions_with_different_content_are_decided_by_the_digest(database: str, turn: int) -> None:
    """Neither offset nor batch decides, so both orders end in the same row."""
    one, two = a_chart_message(snippet={"title": "one"}), a_chart_message(snippet={"title": "two"})
    for message in (one, two)[::turn]:
        merge_chart(database, message)
    both = [read_digest("one"), read_digest("two")]
    assert query(database, "select title from processed.video") == [("one" if both[0] > both[1] else "two",)]


@pytest.mark.parametrize("turn", [1, -1])
def test_an_observation_with_other_content_is_decided_by_the_digest(database: str, turn: int) -> None:
    """An append table has no version: the same key again with other content, and the higher digest stays."""
    digests = {size: canonical_digest("FR", "0", micros(0), size, "youtube_api") for size in (1, 2)}
    for size in (1, 2)[::turn]:
        merge_chart(database, a_bare_chart_message(size=size))
    assert query(database, "select size from processed.chart_reading") == [
        (max(digests, key=lambda size: digests[size]),)
    ]


def read_digest(title: str) -> bytes:
    """The digest of the video with this title."""
    known = {"video_id": "dQw4w9WgXcQ", "title": title, "source": "youtube_api", "captured_at": micros(0)}
    return canonical_digest(*(known.get(name) for name in VIDEO.column_names))


def test_a_newer_version_with_equal_content_is_written(database: str) -> None:
    """It carries the version, without which a version between the two would win later."""
    merge_chart(database, a_chart_message(captured_at=an_instant(0)))
    assert merge_chart(database, a_chart_message(captured_at=an_instant(2)))["processed.video"].updated == 1
    between = a_chart_message(captured_at=an_instant(1), snippet={"title": "between"})
    assert merge_chart(database, between)["processed.video"].stale == 1
    assert query(database, "select title from processed.video") == [("A title",)]


def test_a_replay_after_a_mended_contract_overwrites_equal_versions(database: str) -> None:
    """An operator's word; older versions stay stale, and the same content stays unwritten."""
    titles = sorted(["one", "two"], key=read_digest)
    higher, lower = (a_chart_message(snippet={"title": title}) for title in reversed(titles))
    merge_chart(database, higher)
    assert merge_chart(database, lower)["processed.video"].stale == 1
    counts = merge_chart(database, lower, overwrite_equal=True)["processed.video"]
    assert counts == TableCounts(rows=1, updated=1)
    assert query(database, "select title from processed.video") == [(titles[0],)]
    assert merge_chart(database, lower, overwrite_equal=True)["processed.video"] == TableCounts(rows=1, unchanged=1)
    older = a_chart_message(captured_at="2026-11-20T11:00:00Z")
    assert merge_chart(database, older, overwrite_equal=True)["processed.video"].stale == 1


def test_a_row_can_be_traced_to_its_message(database: str) -> None:
    """Partition, offset and batch of the message that won."""
    merge_chart(database, a_chart_message(), a_chart_message(captured_at=an_instant(1)), at=(3, 42))
    trace = "select source_partition, source_offset, batch_id from processed.video"
    assert query(database, trace) == [(3, 1, 42)]


# Stubs.


def test_a_chart_entry_before_its_video_makes_a_stub_that_the_video_fills(database: str) -> None:
    """Key only, version NULL, the foreign key holds; the video's record counts as an update."""
    counts = merge_chart(database, a_bare_chart_message())
    assert counts["processed.video"] == TableCounts(stubs=1)
    assert query(database, "select video_id, captured_at, source, row_digest from processed.video") == [
        ("dQw4w9WgXcQ", None, None, None)
    ]
    assert merge_chart(database, a_chart_message())["processed.video"] == TableCounts(rows=1, updated=1)
    assert query(database, "select title, source_offset from processed.video") == [("A title", 0)]


def test_many_entries_of_a_missing_video_make_one_stub(database: str) -> None:
    """In one range, over several charts."""
    entries = [a_bare_chart_message(region_code=region) for region in ("FR", "DE", "US")]
    counts = merge_chart(database, *entries)
    assert (counts["processed.video"], counts["processed.chart_entry"].inserted) == (TableCounts(stubs=1), 3)


def test_a_stub_never_overwrites_a_video_nor_is_made_twice(database: str) -> None:
    """Whether the video was there before, came in the same range, or is a stub already."""
    merge_chart(database, a_chart_message("a" * 11), a_bare_chart_message("b" * 11))
    before = read_versions(database, TRENDING)["video"]
    later = {"captured_at": an_instant(5)}
    bare = [a_bare_chart_message(letter * 11, **later) for letter in "ab"]
    assert merge_chart(database, *bare)["processed.video"] == TableCounts()
    assert read_versions(database, TRENDING)["video"] == before
    together = [a_bare_chart_message("c" * 11, **later), a_chart_message("c" * 11)]
    assert merge_chart(database, *together)["processed.video"] == TableCounts(rows=1, inserted=1)


# Text and other values.


@a_few_examples
@given(st.lists(st.text(st.characters()), min_size=1, max_size=30))
def test_any_text_comes_out_of_postgres_as_it_went_in(database: str, texts: list[str]) -> None:
    """Or its message was refused: for U+0000, a lone surrogate, or its length."""
    query(database, "truncate processed.chart_reading, processed.video cascade")
    messages = {f"{number:011}": text for number, text in enumerate(texts)}
    values = [json.dumps(a_chart_message(key, snippet={"title": text})).encode() for key, text in messages.items()]
    merge_values(database, TRENDING, values)
    assert dict(query(database, "select video_id, title from processed.video")) == {
        key: text
        for key, text in messages.items()
        if "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
    }


def test_values_at_the_edge_of_their_types_are_stored(database: str) -> None:
    """Arrays, jsonb, the largest and the earliest."""
    localizations = {"é\\u0000": {"title": '"; drop table processed.video; --'}, "n": [1.5, None, True, 2**64 - 1]}
    snippet = {"tags": ["", "NULL", '"', "{a,b}", "\\", "é"], "publishedAt": "0001-01-01T00:00:00Z"}
    item = {"statistics": {"viewCount": 2**63 - 1}, "localizations": localizations}
    merge_chart(database, a_chart_message(snippet=snippet, item=item, captured_at="9999-12-31T23:59:59.999999Z"))
    (video,) = query(database, "select tags, published_at::text, localizations, captured_at::text from processed.video")
    assert video[0] == snippet["tags"]
    assert video[1].startswith("0001-01-01")
    assert video[2] == localizations
    assert query(database, "select view_count from processed.chart_entry") == [(2**63 - 1,)]


# Replace.


def children(dsn: str) -> dict[str, list[tuple[Any, ...]]]:
    """Seasons, episodes and genres by their keys and titles."""
    return {
        "season": query(dsn, "select series_id, number, title from made_up.season order by 1, 2"),
        "episode": query(dsn, "select series_id, season_number, position, title from made_up.episode order by 1, 2, 3"),
        "genre": query(dsn, "select series_id, genre from made_up.genre order by 1, position"),
    }


FIRST = a_series(seasons=[a_season(1, "a", "b"), a_season(2, "c")], genres=["noir", "spy"])


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


class Racing:
    """A merge in a thread of its own, begun while another transaction holds what it wants."""

    def __init__(self, dsn: str, merge: Callable[[], Any]) -> None:
        self._dsn, self._merge = dsn, merge
        self._result: Any = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        self._result = self._merge()

    def wait_until_blocked(self) -> None:
        """Return when some session of the database waits for a lock."""
        waiting = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        deadline = time.monotonic() + 60
        while not query(self._dsn, waiting):
            assert self._thread.is_alive(), "the merge ended without waiting"
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def result(self) -> Any:
        """What the merge gave."""
        self._thread.join(60)
        assert not self._thread.is_alive()
        return self._result


def race(dsn: str, first: list[Message], second: list[Message], *, commit: bool = True) -> dict[str, TableCounts]:
    """Begin with `first`, let `second` run into it, end the first; the counts of the second."""
    with RangeTransaction(dsn) as transaction:
        statements = stage_values(transaction, TRENDING, [to_bytes(message) for message in first])
        merge_tables(transaction, statements, 0, 1)
        racing = Racing(dsn, lambda: merge_chart(dsn, *second, at=(1, 2)))
        racing.wait_until_blocked()
        if commit:
            transaction.commit()
    counts: dict[str, TableCounts] = racing.result()
    return counts


def test_two_ranges_with_the_same_stub_and_reading_both_end_right(database: str) -> None:
    """Entries of one reading on two partitions: who comes second finds its reading unchanged, not stale."""
    first = [a_bare_chart_message("a" * 11), a_bare_chart_message("b" * 11, rank=2)]
    second = [a_bare_chart_message("b" * 11, region_code="DE"), a_bare_chart_message("c" * 11, rank=3)]
    counts = race(database, first, second)
    assert counts["processed.video"] == TableCounts(stubs=1)
    assert counts["processed.chart_entry"] == TableCounts(rows=2, inserted=2)
    assert counts["processed.chart_reading"] == TableCounts(rows=2, inserted=1, unchanged=1)
    assert query(database, "select count(*), count(captured_at) from processed.video") == [(3, 0)]


def test_the_same_message_in_two_ranges_at_once_is_unchanged_in_the_second(database: str) -> None:
    """Rows written, rows lost and rows that were there before are told apart."""
    merge_chart(database, a_chart_message("z" * 11))
    same = [a_chart_message("a" * 11), a_chart_message("z" * 11)]
    counts = race(database, same, [*same, a_chart_message("b" * 11)])
    assert counts["processed.video"] == TableCounts(rows=3, inserted=1, unchanged=2)
    assert counts["processed.chart_reading"] == TableCounts(rows=3, unchanged=1, duplicate=2)


def test_an_older_version_that_loses_a_race_is_stale(database: str) -> None:
    """Compared before the newer one was visible, refused when it was met."""
    newer = a_chart_message(captured_at=an_instant(1), snippet={"title": "newer"})
    assert race(database, [newer], [a_chart_message()])["processed.video"] == TableCounts(rows=1, stale=1)
    assert query(database, "select title from processed.video") == [("newer",)]


def test_a_newer_version_that_comes_second_in_a_race_is_written(database: str) -> None:
    """It meant to insert and updates."""
    newer = a_chart_message(captured_at=an_instant(1), snippet={"title": "newer"})
    assert race(database, [a_chart_message()], [newer])["processed.video"] == TableCounts(rows=1, updated=1)
    assert query(database, "select title from processed.video") == [("newer",)]


def test_a_video_that_meets_its_stub_in_a_race_fills_it(database: str) -> None:
    """And the other way round: a stub that meets its video leaves it alone."""
    counts = race(database, [a_bare_chart_message()], [a_chart_message()])
    assert counts["processed.video"] == TableCounts(rows=1, updated=1)
    counts = race(database, [a_chart_message("b" * 11)], [a_bare_chart_message("b" * 11, region_code="DE")])
    assert counts["processed.video"] == TableCounts()
    assert query(database, "select count(*) from processed.video where captured_at is null") == [(0,)]


def test_who_waited_for_a_transaction_that_rolls_back_writes_itself(database: str) -> None:
    """Nothing of the first stays."""
    counts = race(database, [a_chart_message()], [a_chart_message()], commit=False)
    assert counts["processed.video"] == TableCounts(rows=1, inserted=1)
    assert query(database, "select batch_id from processed.video") == [(2,)]


def test_the_victim_of_a_deadlock_merges_again(database: str) -> None:
    """Another session updates the same two videos the other way round; the merge is the victim and still ends right."""
    merge_chart(database, *(a_chart_message(letter * 11) for letter in "ab"))
    newer = [to_bytes(a_chart_message(letter * 11, captured_at=an_instant(1))) for letter in "ab"]
    attempts: list[int] = []

    def merge() -> dict[str, TableCounts]:
        with RangeTransaction(f"{database}?options=-cdeadlock_timeout%3D2s") as transaction:
            statements = stage_values(transaction, TRENDING, newer)

            def attempt() -> dict[str, TableCounts]:
                attempts.append(1)
                return merge_tables(transaction, statements, 0, 2)

            counts: dict[str, TableCounts] = transaction.retry_deadlocks(attempt)
            transaction.commit()
        return counts

    update = "update processed.video set title = 'by hand' where video_id = %s"
    with closing(psycopg2.connect(database)) as other, other, other.cursor() as cursor:
        cursor.execute("set local deadlock_timeout = '60s'")  # so that the merge is the one that notices
        cursor.execute(update, ["b" * 11])
        racing = Racing(database, merge)
        racing.wait_until_blocked()
        cursor.execute(update, ["a" * 11])
    assert racing.result()["processed.video"] == TableCounts(rows=2, updated=2)
    assert len(attempts) == 2
    assert query(database, "select title, batch_id from processed.video") == [("A title", 2)] * 2


_FAIL = "do $$ begin raise exception 'provoked' using errcode = '{}'; end $$"


def test_a_merge_can_be_repeated_whole(series_database: str) -> None:
    """After ROLLBACK TO the savepoint nothing of the first attempt is in the way: temporary tables neither."""
    attempts: list[dict[str, TableCounts]] = []
    with RangeTransaction(series_database) as transaction:
        statements = stage_values(transaction, SERIES, [to_bytes(FIRST)])

        def attempt() -> None:
            attempts.append(merge_tables(transaction, statements, 0, 1))
            if len(attempts) < 3:
                transaction.execute(_FAIL.format("40P01"))

        transaction.retry_deadlocks(attempt)
        transaction.commit()
    assert attempts[0] == attempts[2]
    assert len(children(series_database)["episode"]) == 3


@pytest.mark.parametrize(("state", "expected"), [("40P01", 5), ("40001", 1), ("23505", 1)])
def test_only_deadlocks_are_tried_again_and_not_for_ever(database: str, state: str, expected: int) -> None:
    """Five times; any other error ends the transaction at once."""
    attempts: list[int] = []
    with RangeTransaction(database) as transaction:

        def attempt() -> None:
            attempts.append(1)
            transaction.execute(_FAIL.format(state))

        with pytest.raises(Error) as failed:
            transaction.retry_deadlocks(attempt)
    assert (failed.value.sqlstate, len(attempts)) == (state, expected)


def test_leaving_without_commit_rolls_everything_back(database: str) -> None:
    """Rows, and the temporary tables."""
    with RangeTransaction(database) as transaction:
        merge_tables(transaction, stage_values(transaction, TRENDING, [to_bytes(a_chart_message())]), 0, 1)
    assert query(database, "select count(*) from processed.video") == [(0,)]
