"""The fold: messages as they were produced go in, the rows that must stand in the charts' tables come out.

Plain Python over JSON, written from docs/architecture.md ("Which row wins") and the data dictionary; it shares no
code with what it judges, and is told by its caller which messages the contract must refuse.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Place = tuple[int, int]
"""Partition and offset."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SIZES = ("maxres", "standard", "high", "medium", "default")


@dataclass(frozen=True, slots=True)
class Produced:
    """A message as it stands on Kafka. `reason` is why it must be refused, None where it must be accepted.

    Not `visible` are those of aborted transactions, and those that compaction took.
    """

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    reason: str | None = None
    visible: bool = True

    @property
    def place(self) -> Place:
        """Where it stands."""
        return self.partition, self.offset


def _same(value: Any) -> Any:
    return value


def _microseconds(value: str | None) -> int | None:
    if value is None:
        return None
    return (datetime.fromisoformat(value.replace("z", "Z")) - _EPOCH) // timedelta(microseconds=1)


def _integer(value: Any) -> int | None:
    return None if value is None else int(value)


def _truth(value: str | None) -> bool | None:
    return None if value is None else {"true": True, "false": False}[value]


def _seconds(value: str | None) -> int | None:
    if value is None:
        return None
    found = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", value)
    assert found, value
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _sorted_json(value: Any) -> str | None:
    if value is None:
        return None
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _thumbnail(sizes: dict[str, Any] | None) -> str | None:
    urls = [(sizes or {}).get(size, {}).get("url") for size in _SIZES]
    return next((url for url in urls if url is not None), None)


_Columns = dict[str, tuple[str, "Callable[[Any], Any]"]]

VIDEO: _Columns = {
    "video_id": ("item.id", _same),
    "channel_id": ("item.snippet.channelId", _same),
    "channel_title": ("item.snippet.channelTitle", _same),
    "title": ("item.snippet.title", _same),
    "description": ("item.snippet.description", _same),
    "published_at": ("item.snippet.publishedAt", _microseconds),
    "category_id": ("item.snippet.categoryId", _same),
    "tags": ("item.snippet.tags", _same),
    "default_language": ("item.snippet.defaultLanguage", _same),
    "default_audio_language": ("item.snippet.defaultAudioLanguage", _same),
    "live_broadcast_content": ("item.snippet.liveBroadcastContent", _same),
    "duration_seconds": ("item.contentDetails.duration", _seconds),
    "dimension": ("item.contentDetails.dimension", _same),
    "definition": ("item.contentDetails.definition", _same),
    "caption": ("item.contentDetails.caption", _truth),
    "licensed_content": ("item.contentDetails.licensedContent", _same),
    "projection": ("item.contentDetails.projection", _same),
    "content_rating": ("item.contentDetails.contentRating", _sorted_json),
    "region_allowed": ("item.contentDetails.regionRestriction.allowed", _same),
    "region_blocked": ("item.contentDetails.regionRestriction.blocked", _same),
    "upload_status": ("item.status.uploadStatus", _same),
    "privacy_status": ("item.status.privacyStatus", _same),
    "license": ("item.status.license", _same),
    "embeddable": ("item.status.embeddable", _same),
    "public_stats_viewable": ("item.status.publicStatsViewable", _same),
    "made_for_kids": ("item.status.madeForKids", _same),
    "contains_synthetic_media": ("item.status.containsSyntheticMedia", _same),
    "topic_categories": ("item.topicDetails.topicCategories", _same),
    "scheduled_start_at": ("item.liveStreamingDetails.scheduledStartTime", _microseconds),
    "scheduled_end_at": ("item.liveStreamingDetails.scheduledEndTime", _microseconds),
    "actual_start_at": ("item.liveStreamingDetails.actualStartTime", _microseconds),
    "actual_end_at": ("item.liveStreamingDetails.actualEndTime", _microseconds),
    "recording_date": ("item.recordingDetails.recordingDate", _microseconds),
    "thumbnail_url": ("item.snippet.thumbnails", _thumbnail),
    "localizations": ("item.localizations", _sorted_json),
    "has_paid_product_placement": ("item.paidProductPlacementDetails.hasPaidProductPlacement", _same),
    "source": ("source", _same),
    "captured_at": ("captured_at", _microseconds),
}
ENTRY: _Columns = {
    "region_code": ("region_code", _same),
    "category_id": ("category_id", _same),
    "captured_at": ("captured_at", _microseconds),
    "video_id": ("item.id", _same),
    "rank": ("rank", _integer),
    "view_count": ("item.statistics.viewCount", _integer),
    "like_count": ("item.statistics.likeCount", _integer),
    "dislike_count": ("item.statistics.dislikeCount", _integer),
    "comment_count": ("item.statistics.commentCount", _integer),
    "concurrent_viewers": ("item.liveStreamingDetails.concurrentViewers", _integer),
    "source": ("source", _same),
}
READING: _Columns = {
    "region_code": ("region_code", _same),
    "category_id": ("category_id", _same),
    "captured_at": ("captured_at", _microseconds),
    "size": ("size", _integer),
    "source": ("source", _same),
}
TABLES = {"processed.video": VIDEO, "processed.chart_entry": ENTRY, "processed.chart_reading": READING}
KEYS = {
    "processed.video": ("video_id",),
    "processed.chart_entry": ("region_code", "category_id", "captured_at", "video_id"),
    "processed.chart_reading": ("region_code", "category_id", "captured_at"),
}


@dataclass
class Standing:
    """A row that must stand in a table: its values, and the places of all messages that say just this."""

    values: tuple[Any, ...]
    rank: tuple[Any, ...]
    places: set[Place] = field(default_factory=set)


@dataclass
class Fold:
    """What must stand after these messages: rows by table and key; how many rows each message gives to a table."""

    tables: dict[str, dict[tuple[Any, ...], Standing]]
    rows: dict[Place, dict[str, int]]


def fold(messages: Iterable[Produced]) -> Fold:
    """The newest record of each video, the observation of the highest digest for each key, stubs for the rest.

    A place may come again, as in a topic that was made anew; messages that must be refused give nothing.
    """
    folded = Fold({name: {} for name in TABLES}, {})
    for message in messages:
        if message.visible and message.reason is None:
            given = _rows(json.loads(message.value or b""))
            folded.rows[message.place] = dict.fromkeys(given, 1)
            for name, values in given.items():
                _put(folded.tables[name], name, values, message.place)
    _add_stubs(folded.tables["processed.video"], folded.tables["processed.chart_entry"])
    return folded


def _rows(message: dict[str, Any]) -> dict[str, tuple[Any, ...]]:
    item = message.get("item")
    given = ["processed.chart_reading"]
    if (item or {}).get("snippet") is not None:
        given.append("processed.video")
    if item is not None or message.get("rank") is not None:
        given.append("processed.chart_entry")
    return {name: tuple(convert(_at(message, path)) for path, convert in TABLES[name].values()) for name in given}


def _at(message: Any, path: str) -> Any:
    for name in path.split("."):
        message = message.get(name) if isinstance(message, dict) else None
    return message


def _put(table: dict[tuple[Any, ...], Standing], name: str, values: tuple[Any, ...], place: Place) -> None:
    named = dict(zip(TABLES[name], values, strict=True))
    key = tuple(named[column] for column in KEYS[name])
    version = (named["captured_at"],) if name == "processed.video" else ()
    rank = (*version, digest(values))
    standing = table.get(key)
    if standing is None or rank > standing.rank:
        table[key] = Standing(values, rank, {place})
    elif rank == standing.rank:
        standing.places.add(place)


def digest(values: tuple[Any, ...]) -> bytes:
    """What orders versions of one time: 16 bytes of BLAKE2b over the row as compact JSON."""
    text = json.dumps(values, separators=(",", ":"), ensure_ascii=False)
    return blake2b(text.encode(), digest_size=16).digest()


def _add_stubs(videos: dict[tuple[Any, ...], Standing], entries: dict[tuple[Any, ...], Standing]) -> None:
    named = {key[-1] for key in entries}
    for video in named - {key[0] for key in videos}:
        videos[(video,)] = Standing((video, *[None] * (len(VIDEO) - 1)), ())
