"""Messages for loads that meet faults: a seed goes in; messages, and what the contract must say of each, come out."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

REGIONS = ("FR", "DE", "US")


@dataclass(frozen=True, slots=True)
class Told:
    """A message to publish; `reason` is why the contract must refuse it, None where it must accept it."""

    value: bytes | None
    reason: str | None = None


_ONLY_NAMED = 0.4
"""Of messages that say nothing of their video: those whose video no message says anything of."""

BROKEN = (
    Told(b"{broken", "not_json"),
    Told(b'{"a": 1} trailing', "not_json"),
    Told(b'{"captured_at": NaN}', "not_json"),
    Told(b"", "not_json"),
    Told(b"[]", "not_an_object"),
    Told(b"7", "not_an_object"),
    Told(b"\xff\xfe{", "bad_unicode"),
    Told(b'{"title": "\\ud800"}', "bad_unicode"),
    Told(b"[" * 2000 + b"]" * 2000, "too_deep"),
    Told(b"{}", "missing:region_code"),
    Told(None, "tombstone"),
)
"""Bytes that are no message at all."""


def encode(message: Any) -> bytes:
    """A message as producers write it."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def an_instant(number: int) -> str:
    """One of the times at which charts were read."""
    return f"2026-03-{1 + number // 24:02d}T{number % 24:02d}:00:00.{number:06d}Z"


class Teller:
    """Tells messages of few videos, charts and times, so that many meet at one key.

    Some come twice, some disagree at the same time, some come late, some are broken.
    """

    def __init__(self, chance: random.Random, *, videos: int = 25, instants: int = 6) -> None:
        self._chance = chance
        self._videos = [f"{chance.choice('abcXYZ_-')}{number:010d}" for number in range(videos)]
        self._instants = instants
        self._told: list[Told] = []

    def tell(self, count: int) -> list[Told]:
        """So many messages, some of them broken."""
        told = [self._next() for _ in range(count)]
        self._told += told
        return told

    def tell_large(self, count: int) -> list[Told]:
        """So many messages with descriptions that take room on disk."""
        told: list[Told] = []
        for _ in range(count):
            message = self._message()
            message["item"]["id"] = f"L{len(told):010d}"
            text = "".join(self._chance.choices("abcdefghijklmnopqrstuvwxyz 0123456789", k=20_000))
            message["item"]["snippet"]["description"] = text
            told.append(Told(encode(message)))
        return told

    def whole(self) -> bytes:
        """A message that is accepted and fills every table."""
        return encode(self._message())

    def _next(self) -> Told:
        kinds: dict[Callable[[], Told], int] = {
            self._entry: 60,
            self._bare: 14,
            self._repeated: 8,
            self._disagreeing: 7,
            self._spoilt: 5,
            self._broken: 4,
            self._empty: 2,
        }
        return self._chance.choices(list(kinds), list(kinds.values()))[0]()

    def _entry(self) -> Told:
        return Told(encode(self._message()))

    def _message(self) -> dict[str, Any]:
        """What a video, a chart and a time decide alone, so that two of the same agree."""
        video, instant = self._chance.choice(self._videos), self._chance.randrange(self._instants)
        region, number = self._chance.choice(REGIONS), int(video[1:])
        snippet = {
            "title": f'Titel {number}: "{instant}" \\ \u2028 🎬',
            "channelId": "UC" + f"{number % 5:022d}",
            "channelTitle": "Kanal\tmit\nZeilen",
            "publishedAt": "2026-02-01T12:00:00+02:00",
            "categoryId": str(number % 30),
            "tags": ["one", "zwei, drei", f"{instant}"][: number % 4] or None,
            "thumbnails": {"high": {"url": f"https://example.org/{number}.jpg"}},
        }
        item = {
            "id": video,
            "snippet": {name: value for name, value in snippet.items() if value is not None},
            "contentDetails": {"duration": f"PT{number}M{instant}S", "caption": "true", "licensedContent": False},
            "statistics": {"viewCount": str(1000 * number + instant), "likeCount": number},
        }
        return {
            "source": "youtube_api",
            "captured_at": an_instant(instant),
            "region_code": region,
            "category_id": "0",
            "rank": 1 + number,
            "size": len(self._videos),
            "item": item,
        }

    def _bare(self) -> Told:
        message = self._message()
        del message["item"]["snippet"]
        if self._chance.random() < _ONLY_NAMED:
            message["item"]["id"] = f"-{self._chance.randrange(900, 910):010d}"
        return Told(encode(message))

    def _repeated(self) -> Told:
        return self._chance.choice(self._told) if self._told else self._entry()

    def _disagreeing(self) -> Told:
        message = copy.deepcopy(self._message())
        other = self._chance.randrange(1000)
        message["item"]["snippet"]["title"] = f"ein anderer Titel, {other}"
        message["item"]["statistics"]["viewCount"] = 10_000_000 + other
        message["size"] += other % 3
        return Told(encode(message))

    def _empty(self) -> Told:
        message = self._message() | {"item": None, "rank": None, "size": 0, "category_id": "10"}
        return Told(encode(message))

    def _broken(self) -> Told:
        return self._chance.choice(BROKEN)

    def _spoilt(self) -> Told:
        return self.spoil(self._chance.choice(list(SPOILS)))

    def spoil(self, reason: str) -> Told:
        """A message that must be refused for this reason."""
        message = self._message()
        SPOILS[reason](message)
        return Told(encode(message), reason)


def _put(*path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def put(message: dict[str, Any]) -> None:
        inner = message
        for name in path[:-1]:
            inner = inner[name]
        inner[path[-1]] = value

    return put


SPOILS: dict[str, Callable[[dict[str, Any]], None]] = {
    "pattern:video_id": _put("item", "id", value="--exec"),
    "wrong_type:title": _put("item", "snippet", "title", value=7),
    "nul_character:title": _put("item", "snippet", "title", value="a\0b"),
    "too_long:title": _put("item", "snippet", "title", value="x" * 1001),
    "wrong_type:tags": _put("item", "snippet", "tags", value="one"),
    "pattern:duration_seconds": _put("item", "contentDetails", "duration", value="P1Y"),
    "wrong_type:caption": _put("item", "contentDetails", "caption", value=True),
    "not_in_enum:definition": _put("item", "contentDetails", "definition", value="8k"),
    "bad_timestamp:captured_at": _put("captured_at", value="0001-01-01T00:00:00+23:59"),
    "missing:source": _put("source", value=None),
    "out_of_range:rank": _put("rank", value=2**31),
    "out_of_range:view_count": _put("item", "statistics", "viewCount", value="9" * 30),
    "wrong_type:view_count": _put("item", "statistics", "viewCount", value="1e3"),
    "out_of_range:like_count": _put("item", "statistics", "likeCount", value=-1),
    "pattern:region_code": _put("region_code", value='"; DROP TABLE'),
    "missing:size": _put("size", value=None),
}
"""What is done to a good message, by the reason for which it must then be refused."""
