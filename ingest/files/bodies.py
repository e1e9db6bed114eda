"""Saved answers of `videos.list`: JSON files go in, their items come out as entries, verbatim.

A `.json` file holds a body, an item, or a list of either; a `.jsonl` file one of them a line. Pages
of one chart are joined: a body that names a page before it goes on where the last body ended, also
from one file to the next. Items on lines of their own are one reading.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import orjson

from ingest.files import trackers
from ingest.files.entries import Entry, Fault, FileRefused, RowRefused
from ingest.files.layout import given_time
from ingest.files.reader import open_bytes
from ingest.files.regions import region_of_name
from ingest.records import id_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from ingest.files.entries import FileReport, Given

LAYOUT = "videos_list"
_LONGEST_DOCUMENT = 128 * 1024 * 1024
_BODY_KIND = "youtube#videoListResponse"
_ITEM_KIND = "youtube#video"
_BOM = b"\xef\xbb\xbf"
_EMPTY = object()
_NO_FIRST_PAGE = Fault("unknown_rank", "is of a later page, so its rank is not known: give the pages before it first")
_SECOND_READING = Fault(
    "second_reading", "is of a second reading, and --captured-at says one time: give it in a run of its own"
)


class Bodies:
    """Reads saved bodies, one file after the other; remembers what the pages of a chart need."""

    def __init__(self, given: Given) -> None:
        self._given = given
        self._more_pages = False
        self._page_fault: Fault | None = None
        self._used: set[tuple[str, datetime]] = set()

    def read(self, report: FileReport) -> Iterator[Entry]:
        """Entries of a `.json` or `.jsonl` file, packed or not.

        Raises FileRefused for a file that is not JSON, or not an answer of videos.list. A line of a
        `.jsonl` file, or a part of a list, that is none of these is an entry with a fault.
        """
        report.layout = LAYOUT
        self._page_fault = None
        lines = ".jsonl" in report.path.name.lower()
        values = _read_lines(report.path) if lines else [(1, _read_document(report.path))]
        begun = False
        for line, value in values:
            for part in value if isinstance(value, list) else [value]:
                try:
                    found = list(self._to_entries(report, line, part, begun=begun))
                except RowRefused as refused:
                    if part is value and not lines:
                        raise FileRefused(f"{report.path} {refused}.") from refused
                    found = [Entry(report, line, _as_row(part), fault=refused.fault, verbatim=True)]
                begun = begun or any(entry.captured_at for entry in found)
                yield from found

    def end_pages(self) -> None:
        """Forget the pages under way, because a file of another kind, or a broken one, comes between."""
        self._more_pages = False

    def _to_entries(self, report: FileReport, line: int, part: Any, *, begun: bool) -> Iterator[Entry]:
        if isinstance(part, bytes):
            raise RowRefused("not_json", "is not JSON")
        if trackers.is_record(part):
            report.layout = trackers.LAYOUT
            yield trackers.to_entry(report, line, part, self._given, starts=None if begun else True)
        elif is_item(part):
            yield self._entry(report, line, part, starts=not begun)
        elif is_body(part):
            yield from self._body_entries(report, line, part)
        else:
            raise RowRefused("not_a_body", f"is {_kind_of(part)}, not an answer of videos.list")

    def _body_entries(self, report: FileReport, line: int, body: dict[str, Any]) -> Iterator[Entry]:
        joined = "prevPageToken" in body and self._more_pages
        self._page_fault = None if joined or "prevPageToken" not in body else _NO_FIRST_PAGE
        self._more_pages = "nextPageToken" in body and self._page_fault is None
        items = body["items"] or ([] if joined else [_EMPTY])
        for position, item in enumerate(items):
            entry = self._entry(report, line, item, starts=position == 0 and not joined)
            entry.total = _total_of(body) if self._more_pages else None
            yield entry

    def _entry(self, report: FileReport, line: int, item: Any, *, starts: bool) -> Entry:
        entry = Entry(report, line, None if item is _EMPTY else item, starts=starts, verbatim=True)
        try:
            entry.region = self._region_of(report.path)
            entry.captured_at = given_time(self._given)
            self._check(entry, item)
        except RowRefused as refused:
            entry.fault = refused.fault
        return entry

    def _check(self, entry: Entry, item: Any) -> None:
        if entry.starts and entry.captured_at is not None and self._page_fault is None:
            coordinates = (entry.region, entry.captured_at)
            if coordinates in self._used:
                self._page_fault = _SECOND_READING
                self._more_pages = False
            self._used.add(coordinates)
        if self._page_fault:
            raise RowRefused(*self._page_fault)
        if item is _EMPTY:
            return
        if id_of(item) is None:
            raise RowRefused("no_id", "is an item without a video id")
        entry.item = item

    def _region_of(self, path: Path) -> str:
        region = self._given.region or region_of_name(path.name)
        if region is None:
            raise RowRefused("no_region", "nothing says which region's chart this is; --region can")
        return region


def is_body(value: Any) -> bool:
    """Whether this is a body of videos.list; one that was saved without its kind counts when its items are videos."""
    if not isinstance(value, dict) or not isinstance(value.get("items"), list):
        return False
    kind = value.get("kind")
    return kind == _BODY_KIND or (kind is None and all(is_item(item) for item in value["items"]))


def is_item(value: Any) -> bool:
    """Whether this is a videos resource on its own."""
    if not isinstance(value, dict) or not isinstance(value.get("id"), str):
        return False
    parts = {"snippet", "statistics", "contentDetails", "status"}
    return value.get("kind") == _ITEM_KIND or ("kind" not in value and not parts.isdisjoint(value))


def _total_of(body: dict[str, Any]) -> int | None:
    """How long the whole chart was, by a page that says there are more."""
    information = body.get("pageInfo")
    total = information.get("totalResults") if isinstance(information, dict) else None
    return total if isinstance(total, int) else None


def _kind_of(value: Any) -> str:
    kind = value.get("kind") if isinstance(value, dict) else None
    if isinstance(kind, str):
        return f"of the kind {kind[:60]!a}"
    return "an object of no kind" if isinstance(value, dict) else "no object"


def _read_document(path: Path) -> Any:
    with open_bytes(path) as stream:
        text = stream.read(_LONGEST_DOCUMENT + 1)
    if len(text) > _LONGEST_DOCUMENT:
        raise FileRefused(
            f"{path} is longer than {_LONGEST_DOCUMENT:,} bytes. Write its bodies one a line and name it .jsonl."
        )
    if not text.strip():
        raise FileRefused(f"{path} is empty.")
    try:
        return _parse(text)
    except ValueError as error:
        raise FileRefused(f"{path} is not JSON ({error}).") from error


def _read_lines(path: Path) -> Iterator[tuple[int, Any]]:
    with open_bytes(path) as stream:
        number = 0
        while text := stream.readline(_LONGEST_DOCUMENT):
            number += 1
            if text.strip():
                yield number, _parse_line(text)
        if number == 0:
            raise FileRefused(f"{path} is empty.")


def _parse_line(text: bytes) -> Any:
    try:
        return _parse(text)
    except ValueError:
        return text


def _parse(text: bytes) -> Any:
    text = text.removeprefix(_BOM)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        # orjson refuses lone surrogates, which JSON allows; to judge an item's text is the loader's part.
        try:
            return json.loads(text, parse_constant=_refuse_constant)
        except RecursionError:
            raise ValueError("nested too deep") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _as_row(part: Any) -> Any:
    return part.decode("utf-8", "surrogateescape") if isinstance(part, bytes) else part
