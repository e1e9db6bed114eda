"""Rows: what a message's bytes become, and each reason why they don't."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import a_bare_chart_message, a_chart_message, canonical_digest, to_bytes
from tests.series import a_season, a_series, a_series_contract
from trendscript.contracts import load_contract
from trendscript.contracts.rows import MessageReader, Rejected

CODES = {
    "not_json",
    "not_an_object",
    "bad_unicode",
    "too_deep",
    "missing",
    "wrong_type",
    "out_of_range",
    "pattern",
    "too_long",
    "not_in_enum",
    "nul_character",
    "bad_timestamp",
    "tombstone",
}

TRENDING = load_contract("youtube_trending")
SERIES = a_series_contract()


def read(value: Any, contract: Any = TRENDING) -> dict[str, list[dict[str, Any]]]:
    """The rows of each table by column, with their digest."""
    found = MessageReader(contract).read(value if isinstance(value, bytes) else to_bytes(value))
    assert not isinstance(found, Rejected), found
    return {
        table.name: [dict(zip((*table.column_names, "row_digest"), row, strict=True)) for row in rows]
        for table, rows in zip(contract.tables, found, strict=True)
    }


def reason(value: Any, contract: Any = TRENDING) -> str:
    """Why a message is rejected."""
    found = MessageReader(contract).read(value if value is None or isinstance(value, bytes) else to_bytes(value))
    assert isinstance(found, Rejected), found
    return found.reason


read_series, series_reason = partial(read, contract=SERIES), partial(reason, contract=SERIES)


def test_a_chart_entry_becomes_a_row_in_each_of_its_tables() -> None:
    """Numbers in quotes are numbers, what is absent is None, times are microseconds."""
    statistics = {"viewCount": "12", "likeCount": 3}
    tables = read(a_chart_message(snippet={"title": "é", "tags": ["a", "b"]}, item={"statistics": statistics}))
    (video,), (entry,), (reading,) = tables["video"], tables["chart_entry"], tables["chart_reading"]
    assert (video["video_id"], video["title"], video["tags"]) == ("dQw4w9WgXcQ", "é", ["a", "b"])
    assert (video["description"], video["captured_at"]) == (None, 1795176000000000)
    assert (entry["view_count"], entry["like_count"], entry["comment_count"]) == (12, 3, None)
    assert (reading["region_code"], reading["size"]) == ("FR", 50)


def test_an_item_without_snippet_gives_no_video() -> None:
    """The entry counts; of the video nothing is known that could overwrite what is."""
    tables = read(a_bare_chart_message())
    assert {name: len(rows) for name, rows in tables.items()} == {"video": 0, "chart_entry": 1, "chart_reading": 1}


def test_an_empty_reading_gives_a_reading_only() -> None:
    """A chart with nothing on it is knowledge too."""
    message = {**a_chart_message(), "item": None, "size": 0}
    del message["rank"]
    tables = read(message)
    assert {name: len(rows) for name, rows in tables.items()} == {"video": 0, "chart_entry": 0, "chart_reading": 1}


def test_a_message_that_gives_no_row_is_refused() -> None:
    """Else it would be in no table and in no quarantine."""
    nothing = {"source": "youtube_api", "captured_at": "2026-11-20T12:00:00Z", "video_id": "a" * 11, "item": None}
    assert reason(nothing, load_contract("youtube_video")) == "missing:video_id"


def test_the_first_path_that_is_present_wins() -> None:
    """A thumbnail of the largest size there is."""
    thumbnails = {"default": {"url": "small"}, "high": {"url": "large"}, "maxres": None, "standard": {"url": None}}
    assert read(a_chart_message(snippet={"thumbnails": thumbnails}))["video"][0]["thumbnail_url"] == "large"


def test_what_the_contract_does_not_name_is_allowed() -> None:
    """A field that YouTube adds tomorrow stops nothing."""
    message = a_chart_message(snippet={"invented": {"deeply": [1, None]}}, also_new=True)
    assert read(message) == read(a_chart_message())


@pytest.mark.parametrize(
    "text", ['"; drop table processed.video; --', "\\u0000", "{}", "%s", "$1", "\u2028\ufeff\U0010ffff", "'", ""]
)
def test_text_is_kept_as_it_is(text: str) -> None:
    """Nothing is cleaned, escaped or taken for a command."""
    assert read(a_chart_message(snippet={"title": text}))["video"][0]["title"] == text


GOOD = to_bytes(a_chart_message())


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "tombstone"),
        (b"", "not_json"),
        (b"{", "not_json"),
        (GOOD[:-1], "not_json"),
        (GOOD + b" {}", "not_json"),
        (GOOD + b"x", "not_json"),
        (GOOD.replace(b'"', b"'"), "not_json"),
        (b"\xef\xbb\xbf" + GOOD, "not_json"),
        (GOOD.replace(b'"rank":1', b'"rank":NaN'), "not_json"),
        (GOOD.replace(b'"rank":1', b'"rank":01'), "not_json"),
        (GOOD.replace(b"A title", b"a\nb"), "not_json"),
        (GOOD.replace(b"A title", b"a\x00b"), "not_json"),
        (GOOD.replace(b"A title", b"\xff"), "bad_unicode"),
        (GOOD.replace(b"A title", "é".encode("latin-1")), "bad_unicode"),
        (GOOD.replace(b"A title", b"\xed\xa0\xbd\xed\xb8\x80"), "bad_unicode"),
        (GOOD.decode().encode("utf-16"), "bad_unicode"),
        (GOOD.replace(b"A title", b"\\ud800"), "bad_unicode"),
        (GOOD.replace(b"A title", b"\\udc00"), "bad_unicode"),
        (GOOD.replace(b"A title", b"\\ud800\\u0041"), "bad_unicode"),
        (GOOD.replace(b'"title"', b'"\\ud800"'), "bad_unicode"),
        (GOOD.replace(b'"A title"', b"[" * 1100 + b"]" * 1100), "too_deep"),
        (GOOD.replace(b'"rank":1', b'"rank":1e400'), "out_of_range"),
        (GOOD.replace(b'"rank":1', b'"rank":' + b"9" * 400), "out_of_range"),
        (b"[]", "not_an_object"),
        (b"[" + GOOD + b"]", "not_an_object"),
        (b'"text"', "not_an_object"),
        (b"1", "not_an_object"),
        (b"null", "not_an_object"),
        (b"true", "not_an_object"),
    ],
)
def test_what_is_not_one_json_object_is_refused(value: bytes | None, expected: str) -> None:
    """Strictly, without replacing a byte; the reasons of the whole message name no column."""
    assert reason(value) == expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (a_chart_message(captured_at=None), "missing:captured_at"),
        (a_chart_message(captured_at="yesterday"), "bad_timestamp:captured_at"),
        (a_chart_message(captured_at="99999-01-01T00:00:00Z"), "bad_timestamp:captured_at"),
        (a_chart_message(captured_at="2026-11-20T12:00:00"), "bad_timestamp:captured_at"),
        (a_chart_message(captured_at="2026-02-30T12:00:00Z"), "bad_timestamp:captured_at"),
        (a_chart_message(captured_at=1795176000), "wrong_type:captured_at"),
        (a_chart_message(region_code="fr"), "pattern:region_code"),
        (a_chart_message(region_code=None), "missing:region_code"),
        (a_chart_message(region_code={"code": "FR"}), "wrong_type:region_code"),
        (a_chart_message(rank=0), "out_of_range:rank"),
        (a_chart_message(rank=2**31), "out_of_range:rank"),
        (a_chart_message(rank=1.0), "wrong_type:rank"),
        (a_chart_message(rank=True), "wrong_type:rank"),
        (a_chart_message(rank="first"), "wrong_type:rank"),
        (a_chart_message(rank=None), "missing:rank"),
        (a_chart_message(size=-1), "out_of_range:size"),
        (a_chart_message("short"), "pattern:video_id"),
        (a_chart_message(item={"id": None}), "missing:video_id"),
        (a_chart_message(item={"id": 12345678901}), "wrong_type:video_id"),
        ({**a_chart_message(), "item": "dQw4w9WgXcQ"}, "wrong_type:video"),
        ({**a_chart_message(), "item": [{}]}, "wrong_type:video"),
        (a_chart_message(item={"snippet": "A title"}), "wrong_type:channel_id"),
        (a_chart_message(snippet={"title": {"fr": "Un titre"}}), "wrong_type:title"),
        (a_chart_message(snippet={"title": 12}), "wrong_type:title"),
        (a_chart_message(snippet={"title": "a\0b"}), "nul_character:title"),
        (a_chart_message(snippet={"title": "x" * 5_000_000}), "too_long:title"),
        (a_chart_message(snippet={"tags": "a,b"}), "wrong_type:tags"),
        (a_chart_message(snippet={"tags": ["a", 1]}), "wrong_type:tags"),
        (a_chart_message(snippet={"tags": ["a", "b\0"]}), "nul_character:tags"),
        (a_chart_message(snippet={"publishedAt": "2026-11-20"}), "bad_timestamp:published_at"),
        (a_chart_message(snippet={"liveBroadcastContent": "perhaps"}), "not_in_enum:live_broadcast_content"),
        (a_chart_message(item={"contentDetails": {"duration": "3:33"}}), "pattern:duration_seconds"),
        (a_chart_message(item={"contentDetails": {"caption": True}}), "wrong_type:caption"),
        (a_chart_message(item={"status": {"embeddable": "true"}}), "wrong_type:embeddable"),
        (a_chart_message(item={"localizations": {"fr": {"title": "\0"}}}), "nul_character:localizations"),
        (a_chart_message(item={"localizations": {"\0": {}}}), "nul_character:localizations"),
        (a_chart_message(item={"statistics": {"viewCount": 2**63}}), "out_of_range:view_count"),
        (a_chart_message(item={"statistics": {"viewCount": str(2**63)}}), "out_of_range:view_count"),
        (a_chart_message(item={"statistics": {"viewCount": "1" * 6000}}), "out_of_range:view_count"),
        (a_chart_message(item={"statistics": {"viewCount": -1}}), "out_of_range:view_count"),
        (a_chart_message(item={"statistics": {"viewCount": "12.0"}}), "wrong_type:view_count"),
        (a_chart_message(item={"statistics": [1]}), "wrong_type:view_count"),
        ({}, "missing:region_code"),
    ],
)
def test_the_first_reason_names_its_column(message: dict[str, Any], expected: str) -> None:
    """In the order of the contract's tables and columns."""
    assert reason(message) == expected


def test_a_number_past_64_bits_is_out_of_range() -> None:
    """As the decoder reads it, it is a float, which must not pass for a wrong type or be rounded."""
    huge = to_bytes(a_chart_message(item={"statistics": {"viewCount": 777}})).replace(b"777", b"1" + b"0" * 30)
    assert reason(huge) == "out_of_range:view_count"


def test_json_nested_deeper_than_it_can_be_written_is_too_deep() -> None:
    """Between what the decoder reads and what jsonb's text can be made of."""
    nested = b'{"a":' * 300 + b"1" + b"}" * 300
    message = to_bytes(a_chart_message(item={"localizations": 777})).replace(b"777", nested)
    assert reason(message) == "too_deep:localizations"


def test_nesting_where_nobody_looks_is_allowed() -> None:
    """An unknown field may be as deep as the decoder goes."""
    nested = b'{"a":' * 900 + b"1" + b"}" * 900
    assert read(to_bytes(a_chart_message(new=777)).replace(b"777", nested)) == read(a_chart_message())


def test_a_large_message_within_its_limits_is_accepted() -> None:
    """Five megabytes of translations are translations."""
    many = {f"l{number}": {"title": "x" * 1000} for number in range(5000)}
    (video,) = read(a_chart_message(item={"localizations": many}))["video"]
    assert json.loads(video["localizations"]) == many


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(), max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


def places(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Where something stands in a message."""
    inner = (
        [place for key, part in value.items() for place in places(part, (*path, key))]
        if isinstance(value, dict)
        else []
    )
    return [path, *inner]


def put(message: Any, place: tuple[str, ...], value: Any) -> Any:
    """The message with another value in one place."""
    if not place:
        return value
    return {**message, place[0]: put(message[place[0]], place[1:], value)}


FULL = a_chart_message(
    snippet={"tags": [], "publishedAt": "", "thumbnails": {"high": {"url": ""}}},
    item={
        "statistics": {"viewCount": "1"},
        "contentDetails": {"duration": "", "caption": "", "contentRating": {}, "regionRestriction": {"allowed": []}},
        "status": {"embeddable": True, "license": ""},
        "localizations": {},
    },
)


@given(st.sampled_from(places(FULL)), anything, st.booleans())
def test_anything_anywhere_is_rows_or_a_reason(
    place: tuple[str, ...],
    value: Any,
    escaped: bool,  # noqa: FBT001  (drawn like the others)
) -> None:
    """Any JSON, and some that only looks like it, in any place of a message: never an exception, never another code."""
    text = json.dumps(put(FULL, place, value), ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    found = MessageReader(TRENDING).read(text)
    assert not isinstance(found, Rejected) or found.reason.split(":")[0] in CODES


@given(st.binary() | st.binary().map(lambda middle: GOOD[:40] + middle + GOOD[40:]))
def test_any_bytes_are_rows_or_a_reason(value: bytes) -> None:
    """Never an exception, never a code from outside the list."""
    found = MessageReader(TRENDING).read(value)
    assert not isinstance(found, Rejected) or found.reason.split(":")[0] in CODES


@given(st.text(st.characters()))
def test_any_text_comes_out_as_it_went_in_or_is_refused(text: str) -> None:
    """A title is the same after reading, or holds what Postgres can't store or is too long."""
    found = MessageReader(TRENDING).read(json.dumps(a_chart_message(snippet={"title": text})).encode())
    if isinstance(found, Rejected):
        assert "\0" in text or len(text) > 1000 or any("\ud800" <= character <= "\udfff" for character in text)
    else:
        assert found[0][0][TRENDING.tables[0].column_names.index("title")] == text


def values(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    """Some columns of rows."""
    return [tuple(row[name] for name in names) for row in rows]


def test_rows_come_from_arrays_within_arrays() -> None:
    """Elements, those around them, and both positions reach the columns; scalars are taken as they are."""
    message = a_series(
        seasons=[a_season(1, "a", "b"), a_season(2), a_season(3, "c", title="T")], genres=["noir", "spy"]
    )
    tables = read_series(message)
    assert values(tables["season"], "series_id", "number", "title") == [
        ("s1", 1, None),
        ("s1", 2, None),
        ("s1", 3, "T"),
    ]
    assert values(tables["episode"], "series_id", "season_number", "position", "title", "season_position") == [
        ("s1", 1, 0, "a", 0),
        ("s1", 1, 1, "b", 0),
        ("s1", 3, 0, "c", 2),
    ]
    assert values(tables["genre"], "series_id", "genre", "position") == [("s1", "noir", 0), ("s1", "spy", 1)]


@pytest.mark.parametrize(
    "series", [{}, {"seasons": None, "genres": None}, {"seasons": []}, {"seasons": [{"number": 1, "episodes": None}]}]
)
def test_an_array_that_is_absent_null_or_empty_gives_no_rows(series: dict[str, Any]) -> None:
    """Nothing is said of children, so there are none."""
    tables = read_series(a_series(**series))
    assert (tables["episode"], tables["genre"]) == ([], [])


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        ({"seasons": {}}, "wrong_type:season"),
        ({"seasons": "1"}, "wrong_type:season"),
        ({"seasons": 0}, "wrong_type:season"),
        ({"seasons": [1]}, "wrong_type:number"),
        ({"seasons": [None]}, "missing:number"),
        ({"seasons": [{"number": 1, "episodes": {}}]}, "wrong_type:episode"),
        ({"seasons": [{"number": 1, "episodes": ["a"]}]}, "wrong_type:title"),
        ({"seasons": [a_season(1), a_season(2**15)]}, "out_of_range:number"),
        ({"genres": ["noir", {"name": "spy"}]}, "wrong_type:genre"),
        ({"genres": ["noir", None]}, "missing:genre"),
        ({"genres": ["noir\0"]}, "nul_character:genre"),
        ({"genres": ["noir" * 100]}, "too_long:genre"),
    ],
)
def test_one_bad_element_refuses_the_message(series: dict[str, Any], expected: str) -> None:
    """A message is accepted whole or not at all."""
    assert series_reason(a_series(**series)) == expected


@pytest.mark.parametrize(
    ("extra", "rows"),
    [({}, 0), ({"review": None}, 0), ({"review": None, "review_of": None}, 0), ({"review": {"body": "good"}}, 1)],
)
def test_an_optional_table_has_a_row_when_its_part_is_there(extra: dict[str, Any], rows: int) -> None:
    """Absent and null are the same."""
    assert len(read_series({**a_series(), **extra})["review"]) == rows


def test_an_optional_part_that_is_there_must_be_whole() -> None:
    """Optional is the part, not what is in it; any of its paths makes it present."""
    assert series_reason({**a_series(), "review": {}}) == "missing:body"
    assert series_reason({**a_series(), "review_of": "s1"}) == "missing:body"


def test_the_digest_never_changes() -> None:
    """Pinned: another one would make every row of every warehouse look changed."""
    (reading,) = read(a_chart_message())["chart_reading"]
    assert reading["row_digest"].hex() == "63e0576a0d6db4f22ca03866868d0ed6"
    assert reading["row_digest"] == canonical_digest("FR", "0", 1795176000000000, 50, "youtube_api")


def test_the_digest_of_dates_numbers_and_json_never_changes() -> None:
    """Pinned too: a day as YYYY-MM-DD, numbers as JSON writes them, jsonb as text with sorted keys."""
    usage = {"source": "trendscript", "captured_at": "2026-11-21T08:00:00Z", "usage_id": "0" * 32, "units": 4}
    usage |= {"provider": "youtube_data_api", "bucket": "default", "pacific_day": "2026-11-21", "requests": 4}
    (row,) = read({**usage, "command": "ingest charts"}, load_contract("api_usage"))["api_usage"]
    parts = (
        "0" * 32,
        1795248000000000,
        "youtube_data_api",
        "default",
        "2026-11-21",
        4,
        4,
        "ingest charts",
        "trendscript",
    )
    assert row["row_digest"] == canonical_digest(*parts)
    ratings = [{"series_id": "s1", "stars": 4.5}]
    tables = read_series({**a_series(extras={"b": 1, "a": [True, None]}), "ratings": ratings})
    assert tables["rating"][0]["row_digest"] == canonical_digest("s1", 1795176000000000, 4.5)
    series = ("s1", "A series", '{"a":[true,null],"b":1}', 1795176000000000)
    assert tables["series"][0]["row_digest"] == canonical_digest(series, [[], [], []])


@pytest.mark.parametrize(
    "changed",
    [
        a_chart_message("dQw4w9WgXcX"),
        a_chart_message(captured_at="2026-11-20T12:00:00.000001Z"),
        a_chart_message(region_code="DE"),
        a_chart_message(category_id="10"),
        a_chart_message(rank=2),
        a_chart_message(source="file:kaggle_2017"),
        *(
            a_chart_message(item={"statistics": {count: 1}})
            for count in ("viewCount", "likeCount", "dislikeCount", "commentCount")
        ),
        a_chart_message(item={"liveStreamingDetails": {"concurrentViewers": 1}}),
    ],
)
def test_the_digest_covers_every_column(changed: dict[str, Any]) -> None:
    """Each column of chart_entry changed alone changes the digest."""
    (entry,), (other,) = read(a_chart_message())["chart_entry"], read(changed)["chart_entry"]
    assert sum(entry[name] != other[name] for name in entry if name != "row_digest") == 1
    assert entry["row_digest"] != other["row_digest"]


@pytest.mark.parametrize(
    "changed",
    [
        {"seasons": [a_season(1, "a", "c")]},
        {"seasons": [a_season(1, "a")]},
        {"seasons": [a_season(1, "a", "b", title="One")]},
        {"seasons": [a_season(1, "a", "b")], "genres": ["noir"]},
        {},
    ],
)
def test_the_digest_of_a_parent_covers_its_children(changed: dict[str, Any]) -> None:
    """Children at any depth make another version of equal time; ratings, which it doesn't own, don't."""
    before = a_series(seasons=[a_season(1, "a", "b")])
    rated = {**before, "ratings": [{"series_id": "s2", "stars": 1}]}
    digest = read_series(before)["series"][0]["row_digest"]
    assert read_series(a_series(**changed))["series"][0]["row_digest"] != digest
    assert read_series(rated)["series"][0]["row_digest"] == digest
