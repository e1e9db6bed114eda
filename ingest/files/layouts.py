"""Recognising a table: its first line goes in, its layout and column names come out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest.files import kaggle_2017, kaggle_2017_first, kaggle_2020, kaggle_daily, trends_2021

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ingest.files.layout import Layout

# A header may have the columns of two: the first that fits is meant.
LAYOUTS = (
    kaggle_daily.LAYOUT,
    kaggle_2020.LAYOUT,
    kaggle_2017.LAYOUT,
    kaggle_2017_first.LAYOUT,
    trends_2021.LAYOUT,
)
_MOST_COLUMNS = 500
_REGION_COLUMNS = ("country", "country_code", "region_code", "region")


@dataclass(frozen=True, slots=True)
class Recognised:
    """What the first line of a table tells.

    `header` is the column names as the file has them, none twice; `names` the same in the layout's
    spelling; `region_column` the one, in that spelling, that names the country of a row.
    """

    layout: Layout
    header: tuple[str, ...]
    names: tuple[str, ...]
    has_header: bool
    region_column: str | None


def recognise_table(fields: Sequence[str]) -> Recognised | None:
    """The layout of a table by its first line: a header, or else a row that can only be one layout's."""
    if len(fields) > _MOST_COLUMNS:
        return None
    for layout in LAYOUTS:
        spelling = {name.lower(): name for name in (*layout.columns, *_REGION_COLUMNS)}
        names = _unique(spelling.get(field.strip().lower(), field) for field in fields)
        if layout.has_header(names):
            return Recognised(layout, _unique(fields), names, has_header=True, region_column=_region_column(names))
    return _recognise_row(fields)


def _recognise_row(fields: Sequence[str]) -> Recognised | None:
    for layout in LAYOUTS:
        if names := layout.names_of_row(fields):
            return Recognised(layout, names, names, has_header=False, region_column=_region_column(names))
    return None


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    seen: dict[str, None] = {}
    for name in names:
        free = name
        number = 2
        while free in seen:
            free, number = f"{name} ({number})", number + 1
        seen[free] = None
    return tuple(seen)


def _region_column(names: Sequence[str]) -> str | None:
    return next((name for name in _REGION_COLUMNS if name in names), None)
