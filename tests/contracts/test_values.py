"""Values: what JSON gave, what the column gets, or the fault."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trendscript.contracts.model import Column, Limits, LogicalType, Path
from trendscript.contracts.values import Fault, converter


def convert(
    value: Any, logical: LogicalType, physical: str = "text", *, transform: str | None = None, **limits: Any
) -> Any:
    """The value as a column of that type gets it, or the code of its fault."""
    column = Column("column", logical, physical, (Path(-1),), transform=transform, limits=Limits(**limits))
    try:
        return converter(column)(value)
    except Fault as fault:
        return fault.code


def micros(moment: datetime) -> int:
    """Microseconds since 1970 UTC, counted without floats."""
    elapsed = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (elapsed.days * 86400 + elapsed.seconds) * 10**6 + elapsed.microseconds


@pytest.mark.parametrize(
    "text", ["", " ", "a", "é", "\\u0000", '"; drop table', "日本", "\U0001f600", "a\nb\t\x7f\x01"]
)
def test_text_stays_as_it_came(text: str) -> None:
    """No trimming, no replacing, and '' is not NULL."""
    assert convert(text, "string") == text


@pytest.mark.parametrize("value", [1, 1.5, True, {}, []])
def test_only_json_strings_are_text(value: Any) -> None:
    """A number or an object where text is due isn't written out as text."""
    assert convert(value, "string") == "wrong_type"


@pytest.mark.parametrize(
    ("value", "limits", "code"),
    [
        ("a\0b", {}, "nul_character"),
        ("abcd", {"max_length": 3}, "too_long"),
        ("ab", {"min_length": 3}, "out_of_range"),
        ("FRA", {"pattern": "^[A-Z]{2}$"}, "pattern"),
        ("FR\n", {"pattern": "^[A-Z]{2}$"}, "pattern"),
        ("FR FR", {"pattern": "[A-Z]{2}"}, "pattern"),
        ("c", {"enum": ("a", "b")}, "not_in_enum"),
        ("", {"enum": ("a", "b")}, "not_in_enum"),
    ],
)
def test_text_past_its_limits_is_refused(value: str, limits: dict[str, Any], code: str) -> None:
    """Each limit has its code; a pattern must match the whole text."""
    assert convert(value, "string", **limits) == code


def test_length_is_in_characters() -> None:
    """Three characters of four bytes each pass a limit of three."""
    assert convert("\U0001f600" * 3, "string", max_length=3) == "\U0001f600" * 3


@pytest.mark.parametrize(
    ("value", "number"),
    [(12, 12), ("12", 12), ("-12", -12), (0, 0), ("0", 0), (-(2**63), -(2**63)), (str(2**63 - 1), 2**63 - 1)],
)
def test_an_integer_is_twelve_or_its_text(value: Any, number: int) -> None:
    """JSON's integers and strings of digits are integers."""
    assert convert(value, "integer", "bigint") == number


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        True,
        "",
        " 12",
        "12 ",
        "+12",
        "1.0",
        "1e3",
        "1_000",
        "1,000",
        "0x1F",
        "--5",
        "007",
        "-",
        "١٢",
        "²",
        "NaN",
        {},
        [],
    ],
)
def test_nothing_else_is_an_integer(value: Any) -> None:
    """Forms that other languages take for integers are refused, not guessed at."""
    assert convert(value, "integer", "bigint") == "wrong_type"


@pytest.mark.parametrize(
    ("value", "physical"),
    [
        (2**63, "bigint"),
        (-(2**63) - 1, "bigint"),
        (str(2**63), "bigint"),
        ("9" * 5000, "bigint"),
        ("-" + "9" * 5000, "bigint"),
        (1e30, "bigint"),
        (2**31, "integer"),
        (-(2**31) - 1, "integer"),
        (2**15, "smallint"),
    ],
)
def test_an_integer_past_its_column_is_out_of_range(value: Any, physical: str) -> None:
    """Also those so large that the decoder gives a float."""
    assert convert(value, "integer", physical) == "out_of_range"


def test_limits_of_an_integer_hold() -> None:
    """The least and the greatest belong to the range."""
    assert [convert(value, "integer", "integer", minimum=1, maximum=3) for value in (0, 1, 3, 4)] == [
        "out_of_range",
        1,
        3,
        "out_of_range",
    ]


@pytest.mark.parametrize("value", ["1.5", True, None, [], {}])
def test_a_number_is_jsons_number(value: Any) -> None:
    """A number in quotes is text."""
    assert convert(value, "number", "double precision") == "wrong_type"


def test_a_number_may_be_whole() -> None:
    """1 is a number as 1.5 is, within its limits."""
    found = [convert(value, "number", "double precision", minimum=0.5, maximum=1.5) for value in (1, 1.5, 0.4, 2)]
    assert found == [1.0, 1.5, "out_of_range", "out_of_range"]
    assert type(found[0]) is float


def test_booleans_are_jsons() -> None:
    """Neither 1 nor "true" is a boolean."""
    assert [convert(value, "boolean", "boolean") for value in (True, False, 1, 0, "true", "")] == [
        True,
        False,
        *["wrong_type"] * 4,
    ]


def test_youtubes_captions_are_booleans_in_quotes() -> None:
    """`boolean_text` takes the two words and nothing else."""
    values = ("true", "false", "True", "", True, 1, ["true"])
    assert [convert(value, "boolean", "boolean", transform="boolean_text") for value in values] == [
        True,
        False,
        *["wrong_type"] * 5,
    ]


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2026-11-20T12:00:00Z", "2026-11-20T12:00:00+00:00"),
        ("2026-11-20t12:00:00z", "2026-11-20T12:00:00+00:00"),
        ("2026-11-20 12:00:00+02:00", "2026-11-20T10:00:00+00:00"),
        ("2026-11-20T12:00:00.5-01:30", "2026-11-20T13:30:00.500000+00:00"),
        ("2026-11-20T12:00:00.123456789Z", "2026-11-20T12:00:00.123456+00:00"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00+00:00"),
        ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999+00:00"),
    ],
)
def test_a_time_becomes_microseconds_in_utc(text: str, same: str) -> None:
    """Offsets are applied; what Postgres can't keep behind microseconds is cut off."""
    assert convert(text, "timestamp", "timestamptz") == micros(datetime.fromisoformat(same))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-11-20",
        "2026-11-20T12:00:00",
        "2026-11-20T12:00Z",
        "2026-02-30T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-11-20T24:00:00Z",
        "2026-11-20T23:59:60Z",
        "2026-11-20T12:00:00+99:00",
        "2026-11-20T12:00:00+0200",
        "99999-01-01T00:00:00Z",
        "+99999-01-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "2026-11-20T12:00:00Z\n",
        "٢٠٢٦-11-20T12:00:00Z",
        "20261120T120000Z",
        "1700000000",
    ],
)
def test_a_time_without_a_certain_meaning_is_refused(text: str) -> None:
    """No offset, no such day, no such hour, or, in UTC, no year of four digits."""
    assert convert(text, "timestamp", "timestamptz") == "bad_timestamp"


@pytest.mark.parametrize("logical", ["timestamp", "date"])
def test_a_number_is_no_time(logical: LogicalType) -> None:
    """Seconds or milliseconds since when, nobody says."""
    assert convert(1700000000, logical, "timestamptz") == "wrong_type"


@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.timezones()))  # noqa: DTZ001  (bounds)
def test_every_time_that_isoformat_writes_is_read(moment: datetime) -> None:
    """Whatever the zone, the instant is the same."""
    offset = moment.utcoffset()
    text = moment.isoformat()
    if offset is None or offset.total_seconds() % 60:
        return  # local mean time of long ago; RFC 3339 has no seconds in an offset
    assert convert(text, "timestamp", "timestamptz") == micros(moment)


def test_a_date_is_a_day_of_the_calendar() -> None:
    """Only YYYY-MM-DD of a day that exists."""
    values = ("2024-02-29", "2026-02-29", "20260101", "2026-1-1", "2026-01-01T00:00:00Z", "")
    assert [convert(value, "date", "date") for value in values] == [date(2024, 2, 29), *["bad_timestamp"] * 5]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ([], []),
        (["a", ""], ["a", ""]),
        ("a", "wrong_type"),
        ({"0": "a"}, "wrong_type"),
        (["a", 1], "wrong_type"),
        (["a", None], "wrong_type"),
        ([["a"]], "wrong_type"),
        (["a", "b\0"], "nul_character"),
    ],
)
def test_an_array_is_a_list_of_texts(value: Any, found: Any) -> None:
    """Each element is text as text is elsewhere; an empty array is not NULL."""
    assert convert(value, "array", "text[]") == found


def test_json_keeps_its_content_and_sorts_its_keys() -> None:
    """Equal values are equal texts, so they have equal digests."""
    one, two = {"b": [1, {"d": None, "c": "é"}], "a": 1.5}, {"a": 1.5, "b": [1, {"c": "é", "d": None}]}
    assert convert(one, "object", "jsonb") == convert(two, "object", "jsonb")
    assert orjson.loads(convert(one, "object", "jsonb")) == one


@pytest.mark.parametrize("value", [{"a": "\0"}, {"\0": 1}, ["\0"], "\0", {"a": [{"b": "x\0"}]}])
def test_json_with_a_nul_character_is_refused(value: Any) -> None:
    """Wherever it stands: Postgres stores none of them in jsonb."""
    assert convert(value, "object", "jsonb") == "nul_character"


def test_json_with_the_text_backslash_u0000_is_kept() -> None:
    """Six characters are no U+0000."""
    assert orjson.loads(convert({"\\u0000": "\\u0000"}, "object", "jsonb")) == {"\\u0000": "\\u0000"}


def test_json_nested_past_what_can_be_written_is_too_deep() -> None:
    """The decoder reads deeper than the encoder writes; the difference is a reason, not a crash."""
    value: Any = "\0"
    for _ in range(600):
        value = [value]
    assert convert(value, "object", "jsonb") == "too_deep"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT0S", 0),
        ("P0D", 0),
        ("PT3M33S", 213),
        ("PT1H", 3600),
        ("P1DT2H3M4S", 93784),
        ("P2W", 1209600),
        ("PT90M", 5400),
        ("PT1.9S", 1),
    ],
)
def test_a_duration_becomes_seconds(text: str, seconds: int) -> None:
    """Weeks, days, hours, minutes and seconds; part of a second is cut off."""
    assert convert(text, "integer", "bigint", transform="iso8601_seconds") == seconds


@pytest.mark.parametrize(
    "text",
    ["", "P", "PT", "3:33", "213", "P1Y", "P1M", "-PT1S", "PT-1S", "P1DT", "PT1M1H", "pt1s", "PT٣S", "PT1,5S"],
)
def test_a_duration_without_a_certain_length_is_refused(text: str) -> None:
    """Months and years have no fixed length; the rest isn't ISO 8601."""
    assert convert(text, "integer", "bigint", transform="iso8601_seconds") == "pattern"


def test_a_duration_is_text_within_its_limits() -> None:
    """A number is no duration, and the column's limits hold for the seconds."""
    found = [
        convert(60, "integer", "bigint", transform="iso8601_seconds"),
        convert("PT999999H", "integer", "integer", transform="iso8601_seconds"),
        convert("PT2M", "integer", "bigint", transform="iso8601_seconds", maximum=60),
    ]
    assert found == ["wrong_type", "out_of_range", "out_of_range"]
