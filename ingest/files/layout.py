"""What a layout of a table of charts is: how it is recognised, and how its cells become a videos resource."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ingest.files.entries import RowRefused
from ingest.files.values import is_absent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime, tzinfo

    from ingest.files.entries import Given

Cells = dict[str, str]

ID_FORM = re.compile(r"[A-Za-z0-9_-]{11}|#NAME\?")
CHANNEL_FORM = re.compile(r"UC[A-Za-z0-9_-]{22}")
NUMBER_FORM = re.compile(r"[0-9]+")
TIME_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}.*")
DAY_FORM = re.compile(r"[0-9]{2}\.[0-9]{2}\.[0-9]{2}|[0-9]{4}-[0-9]{2}-[0-9]{2}.*")


@dataclass(frozen=True, slots=True)
class Layout:
    """One form of table.

    `columns` are its columns in their order; `signature` those whose presence makes a header this
    layout's; `forms` what a row's cells must look like for a file without a header to be taken for
    it, when it has as many cells as `columns` and one of `tails`, the columns some files add.
    `read_time(given)` makes the function that gives a row's time, and may remember rows before it.
    """

    name: str
    columns: tuple[str, ...]
    signature: frozenset[str]
    forms: Mapping[str, re.Pattern[str]]
    read_time: Callable[[Given], Callable[[Cells], datetime]]
    to_item: Callable[[Cells, datetime, Given], dict[str, Any]]
    tails: tuple[tuple[str, ...], ...] = ((),)

    def has_header(self, header: Sequence[str]) -> bool:
        """Whether a file with these column names, in canonical spelling, is of this layout."""
        return self.signature.issubset(header)

    def names_of_row(self, fields: Sequence[str]) -> tuple[str, ...] | None:
        """The column names of a file whose first line is this row, and no header; None if it isn't of this layout."""
        tail = tuple(fields[len(self.columns) :])
        names = next((self.columns + names for names in self.tails if len(names) == len(tail)), ())
        if len(names) != len(fields):
            return None
        cells = dict(zip(names, fields, strict=True))
        return names if all(form.fullmatch(cells[column]) for column, form in self.forms.items()) else None


def time_column(
    column: str, parse: Callable[[str, tzinfo | None], datetime]
) -> Callable[[Given], Callable[[Cells], datetime]]:
    """How to read a row's time from one column; where its cell is blank, the time the user gave stands."""

    def read_time(given: Given) -> Callable[[Cells], datetime]:
        def time_of(cells: Cells) -> datetime:
            text = cells[column].strip()
            return given_time(given) if is_absent(text) else parse(text, given.time_zone)

        return time_of

    return read_time


def given_time(given: Given) -> datetime:
    """The time the user gave for rows that have none."""
    if given.captured_at is None:
        raise RowRefused("no_time", "it does not say when it was on the chart; --captured-at can")
    return given.captured_at
