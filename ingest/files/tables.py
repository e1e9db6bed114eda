"""Tables: a CSV file goes in, its rows come out as entries, each with an item or the reason why not."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from ingest.files.entries import Entry, Fault, FileRefused, RowRefused
from ingest.files.layouts import LAYOUTS, Recognised, recognise_table
from ingest.files.reader import Lines, Record, open_text, read_records
from ingest.files.regions import parse_region, region_of_name
from ingest.files.values import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ingest.files.entries import FileReport, Given
    from ingest.files.layout import Cells

_DELIMITERS = (",", ";", "\t")
_NAMES_SHOWN = 8


def read_table(report: FileReport, given: Given) -> Iterator[Entry]:
    """Entries of a table, in the order of its rows; every row that is not blank is one.

    Raises FileRefused when the file is of no known layout, or breaks off; then entries have come before.
    """
    with open_text(report.path) as text:
        lines = Lines(text)
        known, delimiter, first = _recognise(lines, report.path)
        report.layout = known.layout.name
        to_entry = _entry_maker(known, report, given)
        if not known.has_header:
            yield to_entry(first)
        header = list(known.header)
        for record in read_records(lines, delimiter):
            # Files pasted together repeat their header.
            if record.fields != header:
                yield to_entry(record)


def _recognise(lines: Lines, path: Path) -> tuple[Recognised, str, Record]:
    first = next(read_records(lines), None)
    if first is None:
        raise FileRefused(f"{path} is empty.")
    for delimiter in _DELIMITERS:
        fields = _split_again(lines.held, delimiter)
        if known := recognise_table(fields):
            return known, delimiter, Record(first.line, fields, first.fault)
    raise FileRefused(
        f"{path} is of no layout this program knows. Its first line reads {_quoted(first.fields)}. Known are tables "
        f"with the columns {'; or '.join(', '.join(sorted(layout.signature)) for layout in LAYOUTS)}."
    )


def _split_again(text: list[str], delimiter: str) -> list[str]:
    try:
        return next(csv.reader(text, delimiter=delimiter), [])
    except csv.Error:
        return []


def _quoted(fields: list[str]) -> str:
    names = ", ".join(shown(field) for field in fields[:_NAMES_SHOWN])
    return f"{names}, …" if len(fields) > _NAMES_SHOWN else names


def _entry_maker(known: Recognised, report: FileReport, given: Given) -> Callable[[Record], Entry]:
    names, header = known.names, known.header
    same_names = names == header
    width = len(names)
    time_of = known.layout.read_time(given)
    region_of = _region_finder(known, report.path, given)
    to_item = known.layout.to_item

    def to_entry(record: Record) -> Entry:
        line, fields, fault = record
        if len(fields) > width and not any(fields[width:]):
            fields = fields[:width]
        if fault or len(fields) != width:
            return Entry(report, line, fields, fault=fault or _width_fault(len(fields), width))
        row = dict(zip(header, fields, strict=True))
        cells = row if same_names else dict(zip(names, fields, strict=True))
        entry = Entry(report, line, row)
        try:
            entry.region = region_of(cells)
            entry.captured_at = captured_at = time_of(cells)
            entry.item = to_item(cells, captured_at, given)
        except RowRefused as refused:
            entry.fault = refused.fault
        return entry

    return to_entry


def _width_fault(found: int, width: int) -> Fault:
    return Fault("wrong_field_count", f"has {found} fields where the header has {width}")


def _region_finder(known: Recognised, path: Path, given: Given) -> Callable[[Cells], str]:
    column = known.region_column
    fallback = given.region or region_of_name(path.name)

    def region_of(cells: Cells) -> str:
        region = parse_region(cells[column]) if column else None
        if region is None:
            region = fallback
        if region is None:
            told = (
                f"{shown(cells[column])} is no region code" if column else "nothing says which region's chart this is"
            )
            raise RowRefused("no_region", f"{told}; --region can")
        return region

    return region_of
