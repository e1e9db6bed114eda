"""How rows are shown: for a person as a table that fits the terminal, for programs as JSON or CSV."""

from __future__ import annotations

import csv
import sys
from datetime import UTC, datetime
from decimal import Decimal
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.table import Table

Row = tuple[Any, ...]

_PIPE_WIDTH = 2_000
_WIDEST_CELL = 44
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write_csv(columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Write CSV in UTF-8 to standard output, one header line, lines ended by LF.

    A text that a spreadsheet would take for a formula gets a leading apostrophe.
    """
    _use_utf8()
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([to_csv_cell(value) for value in row] for row in rows)


def write_json(columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Write a JSON array of objects to standard output, one object a line."""
    _use_utf8()
    separator = "[\n"
    for row in rows:
        sys.stdout.write(separator + to_json_object(columns, row))
        separator = ",\n"
    sys.stdout.write("[]\n" if separator == "[\n" else "\n]\n")


def write_table(columns: Sequence[str], rows: Iterable[Row]) -> int:
    """Write a table to standard output and return how many columns did not fit the terminal. A pipe gets them all."""
    from rich.console import Console  # noqa: PLC0415  (keeps --help quick)

    console = Console()
    cells = [[to_shown_cell(value) for value in row] for row in rows]
    shown = count_fitting(columns, cells, console.width) if console.is_terminal else len(columns)
    table = _to_table(columns[:shown], [row[:shown] for row in cells])
    (console if console.is_terminal else Console(width=_PIPE_WIDTH)).print(table)
    return len(columns) - shown


def count_fitting(columns: Sequence[str], cells: Sequence[Sequence[str]], width: int) -> int:
    """How many of the first columns fit side by side; at least one."""
    used, gap = 0, 2
    for number, name in enumerate(columns):
        used += gap + min(_WIDEST_CELL, max([len(name), *(len(row[number]) for row in cells)]))
        if used > width:
            return max(number, 1)
    return len(columns)


def to_csv_cell(value: object) -> str:
    """A value as CSV has it: NULL is empty, times are RFC 3339 in UTC, lists are joined by a semicolon."""
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA_STARTS) else value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, list):
        return to_csv_cell(";".join(to_csv_cell(element) for element in value))
    return str(value)


def to_json_object(columns: Sequence[str], row: Row) -> str:
    """A row as a JSON object: NULL is null, times are RFC 3339 in UTC."""
    named = dict(zip(columns, (_in_utc(value) for value in row), strict=True))
    return orjson.dumps(named, default=_to_number, option=orjson.OPT_UTC_Z).decode()


def to_shown_cell(value: object) -> str:
    """A value as a person reads it: minutes of UTC, and no character that would steer a terminal."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M}"
    if isinstance(value, list):
        return " ".join(to_shown_cell(element) for element in value)
    if isinstance(value, int | Decimal):
        return f"{value:,}"
    return "".join(character if character.isprintable() else " " for character in str(value))


def _to_table(columns: Sequence[str], cells: Iterable[Sequence[str]]) -> Table:
    from rich import box  # noqa: PLC0415  (keeps --help quick)
    from rich.table import Table  # noqa: PLC0415  (keeps --help quick)
    from rich.text import Text  # noqa: PLC0415  (keeps --help quick)

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))
    for name in columns:
        table.add_column(name, no_wrap=True, overflow="ellipsis", max_width=_WIDEST_CELL)
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))  # Text: a title's brackets are no markup
    return table


def _in_utc(value: object) -> object:
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def _to_number(value: object) -> float | int:
    """PostgreSQL's numeric as JSON has numbers."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(type(value).__name__)


def _use_utf8() -> None:
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="\n")
