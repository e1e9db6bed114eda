"""Records: resources as the API gave them go in, messages in their envelopes come out. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trendscript.envelopes import to_json, to_timestamp
from trendscript.kafka import Message

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from ingest.quota import Usage

YOUTUBE_API = "youtube_api"


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart of YouTube: a region's, of one category or ('0') of all."""

    region_code: str
    category_id: str = "0"

    def __str__(self) -> str:
        return self.region_code if self.category_id == "0" else f"{self.region_code}/{self.category_id}"


@dataclass(frozen=True, slots=True)
class Reading:
    """One whole chart at one time, in the chart's order; `source` says who gave it."""

    chart: Chart
    captured_at: datetime
    items: tuple[Any, ...]
    duplicates: int = 0
    source: str = YOUTUBE_API


def id_of(item: object) -> str | None:
    """The id of a resource; None where it has none, or one that is not text."""
    found = item.get("id") if isinstance(item, dict) else None
    return found if isinstance(found, str) and found else None


def keep_first_of_each(items: Iterable[Any]) -> tuple[list[Any], int]:
    """Leave out items whose id was seen before; returns what is kept and how many were left out.

    A chart moves while its pages are read: a video that slips over the edge of a page comes twice.
    Its first place counts and the later ones close up, so that ranks run from 1 to the size of the
    reading without a gap. Items without an id are all kept: they can't be told apart.
    """
    seen: set[str] = set()
    kept: list[Any] = []
    left_out = 0
    for item in items:
        item_id = id_of(item)
        if item_id in seen:
            left_out += 1
            continue
        if item_id is not None:
            seen.add(item_id)
        kept.append(item)
    return kept, left_out


def to_chart_messages(reading: Reading) -> list[Message]:
    """One `youtube_trending` message an item, ranked from 1; one without rank and item for an empty reading.

    An item without an id goes out as it came, without a key, and ends in quarantine where people see it.
    """
    coordinates = {
        "source": reading.source,
        "captured_at": to_timestamp(reading.captured_at),
        "region_code": reading.chart.region_code,
        "category_id": reading.chart.category_id,
    }
    size = len(reading.items)
    if not size:
        empty = to_json({**coordinates, "size": 0, "item": None})
        return [Message("youtube_trending", reading.chart.region_code.encode(), empty)]
    return [
        Message("youtube_trending", to_key(item), to_json({**coordinates, "rank": rank, "size": size, "item": item}))
        for rank, item in enumerate(reading.items, start=1)
    ]


def to_key(item: object) -> bytes | None:
    """The Kafka key of a resource: its id, None without one. Encoding never fails, whatever the id holds."""
    item_id = id_of(item)
    return None if item_id is None else item_id.encode("utf-8", "backslashreplace")


def to_video_message(item: object, captured_at: datetime) -> Message:
    """A `youtube_video` message: one video as it was at a time."""
    envelope = {
        "source": YOUTUBE_API,
        "captured_at": to_timestamp(captured_at),
        "video_id": id_of(item),
        "item": item,
    }
    return Message("youtube_video", to_key(item), to_json(envelope))


def to_absence_message(video_id: str, captured_at: datetime) -> Message:
    """A `youtube_video` message for a video that was asked for and not returned: private, removed or never there."""
    envelope = {
        "source": YOUTUBE_API,
        "captured_at": to_timestamp(captured_at),
        "video_id": video_id,
        "item": None,
        "absence_reason": "not_returned",
    }
    return Message("youtube_video", video_id.encode(), to_json(envelope))


def to_channel_message(item: object, captured_at: datetime) -> Message:
    """A `youtube_channel` message: one channel as it was at a time."""
    envelope = {
        "source": YOUTUBE_API,
        "captured_at": to_timestamp(captured_at),
        "channel_id": id_of(item),
        "item": item,
    }
    return Message("youtube_channel", to_key(item), to_json(envelope))


def to_category_message(item: object, region_code: str, captured_at: datetime) -> Message:
    """A `youtube_category` message: one category of one region."""
    envelope = {
        "source": YOUTUBE_API,
        "captured_at": to_timestamp(captured_at),
        "region_code": region_code,
        "item": item,
    }
    return Message("youtube_category", region_code.encode(), to_json(envelope))


def to_usage_message(usage: Usage, *, usage_id: str, command: str, captured_at: datetime) -> Message:
    """An `api_usage` message: what a command spent of one bucket on one Pacific day."""
    envelope = {
        "source": "trendscript",
        "captured_at": to_timestamp(captured_at),
        "usage_id": usage_id,
        "provider": "youtube_data_api",
        "bucket": usage.bucket,
        "pacific_day": usage.pacific_day.isoformat(),
        "units": usage.units,
        "requests": usage.requests,
        "command": command,
    }
    return Message("api_usage", b"youtube_data_api", to_json(envelope))
