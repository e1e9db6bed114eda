"""Grouping: entries go in, readings come out, and of each reading its messages and its rejected rows."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson

from ingest.files.entries import CutShort, Entry, Fault
from ingest.files.values import to_rfc3339
from trendscript.envelopes import to_json
from trendscript.kafka import MAX_MESSAGE_BYTES, Message

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TOPIC = "youtube_trending"

MAX_READING_ROWS = 5_000
"""Rows of one reading that are held at most: its size must be known before its first message is sent."""

LONGEST_PAUSE = timedelta(minutes=10)
"""Between two rows of one pull at most. In the daily files rows of a pull are microseconds apart, pulls 20 hours."""


def group_readings(entries: Iterable[Entry | CutShort]) -> Iterator[list[Entry]]:
    """Split entries into readings: the consecutive rows of one region's pull.

    A reading ends where the region changes, where the time moves by more than LONGEST_PAUSE either
    way, or where an entry says that it begins one. An entry whose time can't be read counts to the
    reading it stands in. Of a reading with more than MAX_READING_ROWS every row gets a fault, and it
    comes in pieces; so do the rows of a reading that a broken file cuts short.
    """
    reading: list[Entry] = []
    tail: Entry | None = None
    too_long = False
    for entry in entries:
        if isinstance(entry, CutShort):
            yield _with_fault(reading, Fault("cut_short", "the file breaks off within this reading"))
            reading, tail, too_long = [], None, False
            continue
        if tail is None or _begins(tail, entry):
            if reading:
                yield reading
            reading, tail, too_long = [], None, False
        reading.append(entry)
        if entry.captured_at is not None:
            tail = entry
        elif tail is None:
            yield reading
            reading = []
        too_long = too_long or len(reading) > MAX_READING_ROWS
        if too_long:
            yield _with_fault(
                reading,
                Fault(
                    "reading_too_long", f"stands in a reading of more than {MAX_READING_ROWS:,} rows, so no one pull"
                ),
            )
            reading = []
    if reading:
        yield reading


def _begins(tail: Entry, entry: Entry) -> bool:
    if entry.starts is not None:
        return entry.starts
    if entry.captured_at is None or tail.captured_at is None:
        return False
    return entry.region != tail.region or abs(entry.captured_at - tail.captured_at) > LONGEST_PAUSE


def _with_fault(reading: list[Entry], fault: Fault) -> list[Entry]:
    for entry in reading:
        entry.fault = entry.fault or fault
    return reading


def to_messages(reading: list[Entry], *, category: str) -> Iterator[tuple[Entry, Message | Fault]]:
    """Each entry of a reading with its message, or with why it has none.

    The reading's time is that of its first entry, an entry's rank its position, from 1. Its size is
    the number of its rows. A row that repeats a video of the reading is rejected and not counted,
    and those after it close up: a chart that moved while its pages were read gives a video twice. A
    row rejected for another reason is counted, and so are those of pages that are not here, so that
    the reading shows as one that lacks entries.
    """
    first = next((entry for entry in reading if entry.captured_at is not None), None)
    repeated = _find_repeated(reading)
    head: dict[str, Any] = {"category_id": category, "size": max(len(reading) - len(repeated), reading[-1].total or 0)}
    if first is not None and first.captured_at is not None:
        head |= {"captured_at": to_rfc3339(first.captured_at), "region_code": first.region}
    rank = 0
    for position, entry in enumerate(reading):
        if position in repeated:
            yield entry, repeated[position]
            continue
        rank += 1
        yield entry, entry.fault or _to_message(entry, head, rank)


def _find_repeated(reading: list[Entry]) -> dict[int, Fault]:
    """Positions, from 0, of entries whose video stands in the reading before."""
    firsts: dict[str, Entry] = {}
    repeated: dict[int, Fault] = {}
    for position, entry in enumerate(reading):
        if entry.fault is None and entry.item is not None:
            first = firsts.setdefault(entry.item["id"], entry)
            if first is not entry:
                told = f"repeats the video of line {first.line} in the same reading"
                repeated[position] = Fault("repeated_video", told)
    return repeated


def _to_message(entry: Entry, head: dict[str, Any], rank: int) -> Message | Fault:
    value: dict[str, Any] = {"source": f"file:{entry.report.layout}", **head}
    key = head["region_code"]
    if entry.item is None:
        value |= {"size": 0, "item": None}
    else:
        key = entry.item["id"]
        value |= {"rank": rank, "item": entry.item}
        if not entry.verbatim:
            value["row"] = entry.row
    try:
        content = to_json(value) if entry.verbatim else orjson.dumps(value)
    except orjson.JSONEncodeError:
        return Fault("not_utf8", "holds bytes that are not UTF-8")
    message = Message(TOPIC, key.encode("utf-8", "backslashreplace"), content)
    if message.size() > MAX_MESSAGE_BYTES:
        return Fault("too_large", f"makes a message of {message.size():,} bytes; {MAX_MESSAGE_BYTES:,} is the limit")
    return message
