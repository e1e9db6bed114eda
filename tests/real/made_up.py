"""Messages that disagree with real ones: a real message goes in, others of its key and time come out."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def disagree(messages: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[bytes | None, bytes]]:
    """Per message: four of equal version and other content, two of videos nothing else tells of, one broken."""
    for number, (key, value) in enumerate(messages):
        real = orjson.loads(value)
        for change in (_other_views, _other_title, _other_size, _without_snippet):
            yield key, orjson.dumps(change(copy.deepcopy(real), number))
        for snippet in (None, {"title": f"only here, {number}"}):
            video = f"-{'s' if snippet else 'b'}{number:09d}"
            yield video.encode(), orjson.dumps(_other_video(copy.deepcopy(real), video, snippet))
        yield key, value[: len(value) // 2]


def _other_views(message: dict[str, Any], number: int) -> dict[str, Any]:
    message["item"]["statistics"] = {"viewCount": str(1_000_000_000 + number)}
    return message


def _other_title(message: dict[str, Any], number: int) -> dict[str, Any]:
    message["item"]["snippet"] = {"title": f"another title, {number}", "tags": ["a", "b"]}
    return message


def _other_size(message: dict[str, Any], number: int) -> dict[str, Any]:
    message["size"] += 1 + number % 7
    message["rank"] += 1 + number % 5
    return message


def _without_snippet(message: dict[str, Any], number: int) -> dict[str, Any]:
    message["item"] = {"id": message["item"]["id"], "statistics": {"likeCount": str(number)}}
    return message


def _other_video(message: dict[str, Any], video: str, snippet: dict[str, Any] | None) -> dict[str, Any]:
    message["item"] = {"id": video} | ({"snippet": snippet} if snippet else {})
    return message
