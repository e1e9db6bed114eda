"""Columns: many messages read at once give what they give one by one, or are left to be read so."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.builders import a_bare_chart_message, a_chart_message, to_bytes
from tests.contracts.test_rows import FULL, anything, places, put
from tests.series import a_series_contract
from trendscript.contracts import load_contract
from trendscript.contracts.columns import ColumnsReader
from trendscript.contracts.rows import MessageReader, Rejected

TRENDING = load_contract("youtube_trending")
WHOLE = a_chart_message(
    "a" * 11,
    snippet={
        "tags": ["one", "two"],
        "publishedAt": "2026-01-03T13:15:05Z",
        "thumbnails": {"high": {"url": "https://i.ytimg.com/vi/x/hq.jpg"}},
    },
    item={
        "statistics": {"viewCount": "12", "likeCount": 3},
        "contentDetails": {"duration": "PT3M", "caption": "true", "contentRating": {}},
        "status": {"embeddable": True, "license": "youtube"},
        "localizations": {"fr": {"title": "b"}},
    },
)
PLAIN = [
    a_chart_message("b" * 11),
    WHOLE,
    a_bare_chart_message("c" * 11),
    a_chart_message("d" * 11, item={"statistics": {"viewCount": 7}, "contentDetails": None}),
    a_chart_message("e" * 11, item={"statistics": {}}, captured_at="2026-11-20T12:00:00.5+02:00"),
]


def one_by_one(values: list[bytes]) -> list[list[tuple[int, tuple[Any, ...]]]] | None:
    """Each table's rows with their message's number; None when a message is refused."""
    tables: list[list[tuple[int, tuple[Any, ...]]]] = [[] for _ in TRENDING.tables]
    for number, value in enumerate(values):
        found = MessageReader(TRENDING).read(value)
        if isinstance(found, Rejected):
            return None
        for rows, more in zip(tables, found, strict=True):
            rows.extend((number, row) for row in more)
    return tables


def at_once(values: list[bytes | None]) -> list[list[tuple[int, tuple[Any, ...]]]] | None:
    """The same, read as columns; None when they are left to be read one by one."""
    found = ColumnsReader(TRENDING).read(values)
    if found is None:
        return None
    return [list(zip(table.messages, zip(*table.values, strict=True), strict=True)) for table in found]


def test_acceptable_messages_are_read_at_once_as_they_are_one_by_one() -> None:
    """Values, digests and numbers; with parts that are absent, null or empty, and numbers as text."""
    values = [to_bytes(message) for message in PLAIN * 3]
    found = at_once([*values])
    assert found is not None
    assert found == one_by_one(values)
    assert [len(rows) for rows in found] == [12, 15, 15, *[len(rows) for rows in found[3:]]]


@pytest.mark.parametrize(
    "value",
    [None, b"{", b"[]", b"\xff", to_bytes(a_chart_message("short")), to_bytes(a_chart_message(rank="first"))],
)
def test_a_message_that_is_refused_leaves_all_to_be_read_one_by_one(value: bytes | None) -> None:
    """The others' rows aren't given either."""
    assert at_once([*map(to_bytes, PLAIN), value]) is None


def test_a_zero_byte_in_text_leaves_all_to_be_read_one_by_one() -> None:
    """Written out it is refused; spelled in a text that only speaks of it, it isn't, so it wants a closer look."""
    assert at_once([to_bytes(a_chart_message(snippet={"title": "a\0"}))]) is None
    assert at_once([to_bytes(a_chart_message(snippet={"title": r"\u0000"}))]) is None


def test_rows_from_arrays_are_read_one_by_one() -> None:
    """The reader says so beforehand."""
    assert not ColumnsReader(a_series_contract()).serves
    assert ColumnsReader(TRENDING).serves


numbers = st.sampled_from(["1", "01", "-0", "-1", "+1", " 1", "1_0", "\u0661", "9" * 30, "9" * 5000, "", 1, 1.0, True])


@given(
    st.lists(st.tuples(st.sampled_from(places(FULL)), anything | numbers), max_size=3),
    st.sampled_from(PLAIN),
    st.booleans(),
)
@example([(("item", "statistics", "viewCount"), "1_0")], WHOLE, False)  # noqa: FBT003  (drawn like the others)
def test_whatever_stands_in_a_message_it_is_never_read_otherwise_at_once(
    changes: list[tuple[tuple[str, ...], Any]],
    neighbour: dict[str, Any],
    escaped: bool,  # noqa: FBT001  (drawn like the others)
) -> None:
    """Any JSON, and some that only looks like it, in any places: what is accepted at once is what one by one gives."""
    values = [to_bytes(neighbour)]
    for place, value in changes:
        values.append(json.dumps(put(FULL, place, value), ensure_ascii=escaped).encode("utf-8", "surrogatepass"))
    found = at_once([*values])
    assert found is None or found == one_by_one(values)


@given(st.lists(st.binary() | st.sampled_from([to_bytes(message) for message in PLAIN]), max_size=4))
def test_any_bytes_are_never_read_otherwise_at_once(values: list[bytes]) -> None:
    """Nor is what is no JSON."""
    found = at_once([*values])
    assert found is None or found == one_by_one(values)


def put_together(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Texts made of one of each."""
    return st.tuples(*parts).map("".join)


times = put_together(
    st.sampled_from(["0000", "0001", "1969", "2026", "9999", "20261"]),
    st.sampled_from(["-01-01", "-12-31", "-02-30", "0120", "-W47-5"]),
    st.sampled_from(["T", " ", "t", "+"]),
    st.sampled_from(["00:00:00", "23:59:59", "24:00:00", "12:00:60", "12:34", "1234:56", "12:34.567"]),
    st.sampled_from(["Z", "z", "+00:00", "-14:00", "+23:59", "+24:00", "+12:60", "-00:01", "+0000:", ".5Z", ""]),
)


@given(st.lists(times | st.text("0123456789-:TZ+ ", min_size=20, max_size=20), min_size=1, max_size=2))
@example(["0000-12-31T12:34:56-14:00"])
@example(["9999-12-31T23:59:59-00:01"])
def test_a_time_is_never_read_otherwise_at_once(found: list[str]) -> None:
    """Arrow, which reads many, and Python, which reads one, differ at the ends of time and in what they let pass."""
    values = [to_bytes(a_chart_message(f"{number:011}", captured_at=time)) for number, time in enumerate(found)]
    rows = at_once([*values])
    assert rows is None or rows == one_by_one(values)
