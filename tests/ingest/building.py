"""Resources of the YouTube Data API as tests need them: what matters is said, the rest is made up."""

from __future__ import annotations

from typing import Any

import orjson

from ingest.loopback_answers import ApiAnswer


def a_video_id(number: int) -> str:
    """The eleven characters of a made-up video."""
    return f"video{number:06d}"


def a_channel_id(number: int) -> str:
    """The 24 characters of a made-up channel."""
    return f"UC{number:022d}"


def a_chart_item(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A videos resource; a change of None takes a part away."""
    item = {
        "kind": "youtube#video",
        "etag": f"etag{number}",
        "id": a_video_id(number),
        "snippet": {
            "publishedAt": "2026-11-01T10:00:00Z",
            "channelId": a_channel_id(number % 7),
            "title": f"Video {number}",
            "categoryId": "10",
        },
        "contentDetails": {"duration": "PT3M20S", "caption": "false"},
        "statistics": {"viewCount": str(1000 + number), "likeCount": str(number)},
        **changes,
    }
    return {name: part for name, part in item.items() if part is not None}


def a_chart(size: int, *, first: int = 1) -> list[dict[str, Any]]:
    """Items of a whole chart, videos numbered from `first`."""
    return [a_chart_item(number) for number in range(first, first + size)]


def a_channel(number: int) -> dict[str, Any]:
    """A channels resource."""
    return {"kind": "youtube#channel", "id": a_channel_id(number), "snippet": {"title": f"Channel {number}"}}


def a_category(number: int, title: str) -> dict[str, Any]:
    """A videoCategories resource."""
    return {"kind": "youtube#videoCategory", "id": str(number), "snippet": {"title": title, "assignable": True}}


def consumer_suspended(key: str) -> ApiAnswer:
    """The answer to a key whose project Google has suspended, which it names by the key."""
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "CONSUMER_SUSPENDED"}]
    message = f"Permission denied: Consumer 'api_key:{key}' has been suspended."
    error = {"code": 403, "message": message, "status": "PERMISSION_DENIED", "details": details}
    return ApiAnswer(403, orjson.dumps({"error": error}))
