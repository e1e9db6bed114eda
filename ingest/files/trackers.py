"""Flat records of chart trackers (`videoId`, `regionCode`, `capturedAt`, …), one a line: records in, entries out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingest.files.entries import Entry, RowRefused
from ingest.files.layout import given_time
from ingest.files.regions import parse_region, region_of_name
from ingest.files.values import parse_instant, parse_video_id, to_time_text
from ingest.files.video import present, to_statistics

if TYPE_CHECKING:
    from datetime import datetime

    from ingest.files.entries import FileReport, Given

LAYOUT = "tracker"


def is_record(value: Any) -> bool:
    """Whether this is a tracker's record."""
    return isinstance(value, dict) and "videoId" in value and "capturedAt" in value


def to_entry(report: FileReport, line: int, record: dict[str, Any], given: Given, *, starts: bool | None) -> Entry:
    """The entry of one record; its region and time are its own, else what the user said."""
    entry = Entry(report, line, record, starts=starts)
    try:
        entry.region = _region_of(report, record, given)
        entry.captured_at = _time_of(record, given)
        entry.item = _to_item(record, given)
    except RowRefused as refused:
        entry.fault = refused.fault
    return entry


def _region_of(report: FileReport, record: dict[str, Any], given: Given) -> str:
    region = parse_region(_text(record, "regionCode")) or given.region or region_of_name(report.path.name)
    if region is None:
        raise RowRefused("no_region", "nothing says which region's chart this is; --region can")
    return region


def _time_of(record: dict[str, Any], given: Given) -> datetime:
    text = _text(record, "capturedAt")
    return parse_instant(text, given.time_zone) if text else given_time(given)


def _to_item(record: dict[str, Any], given: Given) -> dict[str, Any]:
    tags = record.get("tags")
    return present(
        id=parse_video_id(_text(record, "videoId"), ""),
        snippet=present(
            publishedAt=to_time_text(_text(record, "publishedAt"), given.time_zone),
            channelId=_text(record, "channelId"),
            title=_text(record, "title"),
            description=_text(record, "description"),
            channelTitle=_text(record, "channelTitle"),
            categoryId=_text(record, "categoryId"),
            tags=tags if isinstance(tags, list) else None,
        ),
        statistics=to_statistics(
            views=_text(record, "views"), likes=_text(record, "likes"), comments=_text(record, "comments")
        ),
    )


def _text(record: dict[str, Any], name: str) -> str:
    """A member as text, as a cell of a table would hold it; '' where it is absent."""
    value = record.get(name)
    return "" if value is None else value if isinstance(value, str) else str(value)
