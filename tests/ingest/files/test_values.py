"""Cells: what is certain is converted, what is not is refused with the cell in the sentence."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from ingest.files.entries import RowRefused
from ingest.files.values import (
    parse_chart_day,
    parse_count,
    parse_flag,
    parse_instant,
    parse_video_id,
    to_rfc3339,
    to_time_text,
)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("12", "12"),
        ("0", "0"),
        ("007", "7"),
        (" 12 ", "12"),
        ("1,234", "1234"),
        ("1,234,567", "1234567"),
        ("12.0", "12"),
        ("12.", "12"),
        ("1.25E+2", "125"),
        ("1.234567e+06", "1234567"),
        ("99999999999999999999", "99999999999999999999"),
        ("", None),
        ("nan", None),
        ("None", None),
    ],
)
def test_a_count_is_its_digits(text: str, count: str | None) -> None:
    """Separators, an empty fraction and a full mantissa are certain; what stands for nothing is absent."""
    assert parse_count(text) == count


@pytest.mark.parametrize("text", ["1.2E+06", "1E+05", "1.234", "12.5", "1,23", "-1", "twelve", "١٢", "1e999", "0x10"])
def test_a_count_that_was_rounded_or_is_none_is_refused(text: str) -> None:
    """A spreadsheet's 1.2E+06 lost its digits; other signs and scripts are no counts."""
    with pytest.raises(RowRefused) as refused:
        parse_count(text)
    assert refused.value.fault.code == "bad_count"


@pytest.mark.parametrize(("text", "flag"), [("TRUE", True), ("False", False), ("1", True), ("", None)])
def test_a_flag_is_read_in_any_case(text: str, flag: bool | None) -> None:  # noqa: FBT001  (a case of the table)
    """Spreadsheets write TRUE, Python True."""
    assert parse_flag(text) is flag


def test_a_flag_that_is_neither_is_refused() -> None:
    """Any other word says nothing certain."""
    with pytest.raises(RowRefused, match="'perhaps'"):
        parse_flag("perhaps")


def test_an_id_that_excel_destroyed_comes_from_the_picture() -> None:
    """`#NAME?` stands for an id that began with a minus; the picture's address still has it."""
    assert parse_video_id("#NAME?", "https://i.ytimg.com/vi/-Ifnaxi2LQg/default.jpg") == "-Ifnaxi2LQg"


def test_an_id_with_spaces_around_it_is_that_id() -> None:
    """White space around an id is none of it."""
    assert parse_video_id(" 2Vv-BfVoq4g", "") == "2Vv-BfVoq4g"


@pytest.mark.parametrize("thumbnail", ["", "https://example.com/vi/-Ifnaxi2LQg/default.jpg", "ytimg.com/vi/short/x"])
def test_an_id_that_nothing_tells_is_refused(thumbnail: str) -> None:
    """Only YouTube's own picture address says an id."""
    with pytest.raises(RowRefused) as refused:
        parse_video_id("#NAME?", thumbnail)
    assert refused.value.fault.code == "bad_id"


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("17.14.11", "2017-11-14T00:00:00Z"),
        ("18.01.11", "2018-11-01T00:00:00Z"),
        ("2020-08-12T00:00:00Z", "2020-08-12T00:00:00Z"),
        ("2020-08-12", "2020-08-12T00:00:00Z"),
        ("2020-08-12 00:00:00", "2020-08-12T00:00:00Z"),
        ("2020-08-12T02:30:00+02:00", "2020-08-12T00:30:00Z"),
    ],
)
def test_a_chart_day_is_midnight_in_utc(text: str, instant: str) -> None:
    """The older form is yy.dd.mm; all forms of one day mean one instant."""
    assert to_rfc3339(parse_chart_day(text, None)) == instant


@pytest.mark.parametrize("text", ["17.11.14", "14/11/2017", "17.31.02", "20171114", "2017-W46-2", "yesterday"])
def test_a_chart_day_that_is_not_certain_is_refused(text: str) -> None:
    """Another order of day and month, or a day the calendar lacks."""
    with pytest.raises(RowRefused) as refused:
        parse_chart_day(text, None)
    assert refused.value.fault.code == "bad_time"


def test_a_time_without_a_zone_needs_the_users_word() -> None:
    """Without --time-zone it is refused and says so; with it the offset of that day counts."""
    with pytest.raises(RowRefused, match="--time-zone"):
        parse_instant("2025-11-10T22:35:54.568919", None)
    found = parse_instant("2025-11-10T22:35:54.568919", ZoneInfo("Australia/Sydney"))
    assert found == datetime(2025, 11, 10, 11, 35, 54, 568919, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2017-11-09T11:04:14.000Z", "2017-11-09T11:04:14.000Z"),
        ("2025-12-09 11:30:38+00:00", "2025-12-09T11:30:38Z"),
        ("2025-12-09T13:30:38+02:00", "2025-12-09T11:30:38Z"),
        ("", None),
    ],
)
def test_a_time_is_written_as_the_api_writes_it(text: str, written: str | None) -> None:
    """What is RFC 3339 in UTC already stays letter for letter."""
    assert to_time_text(text, None) == written


def test_a_time_past_the_calendar_is_refused() -> None:
    """Moving it to UTC would leave the years a date can have."""
    with pytest.raises(RowRefused, match="1 to 9999"):
        parse_instant("9999-12-31T23:59:59-01:00", None)
