"""How values are shown, without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from trendscript.cli.answers import count_fitting, to_csv_cell, to_json_object, to_shown_cell

_NOON_IN_PARIS = datetime(2026, 3, 1, 13, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        ("plain", "plain"),
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        (" =1", " =1"),
        (-1, "-1"),
        (Decimal("-1.5"), "-1.5"),
        (True, "true"),
        (["=a", "b"], "'=a;b"),
        ([-1, 2], "'-1;2"),
        (_NOON_IN_PARIS, "2026-03-01T12:00:00Z"),
    ],
)
def test_a_csv_cell_is_no_formula(value: object, cell: str) -> None:
    """Texts that a spreadsheet would calculate get an apostrophe; numbers stay numbers."""
    assert to_csv_cell(value) == cell


def test_a_json_object_keeps_types() -> None:
    """A whole numeric is an integer, a broken one a float; times are in UTC."""
    columns = ("whole", "broken", "at", "absent", "text")
    row = (Decimal(3), Decimal("1.5"), _NOON_IN_PARIS, None, 'é"')
    assert to_json_object(columns, row) == (
        '{"whole":3,"broken":1.5,"at":"2026-03-01T12:00:00Z","absent":null,"text":"é\\""}'
    )


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        (1234567, "1,234,567"),
        (Decimal("1234.5"), "1,234.5"),
        (False, "no"),
        ([1, 2], "1 2"),
        (datetime(2026, 3, 1, 12, 0, 59, tzinfo=UTC), "2026-03-01 12:00"),
        ("a\x1b[31m\nb\u202e", "a [31m b "),
    ],
)
def test_a_shown_cell_is_for_a_person(value: object, cell: str) -> None:
    """Digits are grouped, minutes suffice, and nothing in a title steers the terminal."""
    assert to_shown_cell(value) == cell


def test_a_table_shows_the_columns_that_fit() -> None:
    """The first is always there, however narrow the terminal."""
    cells = [["a" * 10, "b" * 10, "c"]]
    assert count_fitting(("one", "two", "three"), cells, width=80) == 3
    assert count_fitting(("one", "two", "three"), cells, width=24) == 2
    assert count_fitting(("one", "two", "three"), cells, width=5) == 1
