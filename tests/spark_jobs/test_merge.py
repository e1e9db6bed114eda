"""Merging staged rows into tables of a real Postgres, held against a fold in plain Python."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
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
from tests.spark_jobs.merging import (
    ENTRY,
    READING,
    TRENDING,
    VIDEO,
    FoldRow,
    Message,
    a_few_examples,
    an_instant,
    assert_counted,
    cuts,
    in_ranges,
    merge_chart,
    micros,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hypothesis.strategies import DrawFn

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
    """The message that made a row makes it anew; older versions stay stale, and the same content stays unwritten."""
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


def test_a_replay_of_messages_that_disagree_writes_nothing(database: str) -> None:
    """Which of two messages of one version stands is as it was, whichever range is replayed last."""
    titles = sorted(["one", "two"], key=read_digest)
    lower, higher = (a_chart_message(snippet={"title": title}) for title in titles)
    merge_chart(database, lower, at=(0, 1))
    merge_chart(database, higher, at=(1, 2))
    for message, partition, fate in ((higher, 1, "unchanged"), (lower, 0, "stale"), (higher, 1, "unchanged")):
        counts = merge_chart(database, message, at=(partition, 3), overwrite_equal=True)["processed.video"]
        assert counts == TableCounts(rows=1, **{fate: 1})
    assert query(database, "select title from processed.video") == [(titles[1],)]


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
