"""Rows of the tables of speech in a line each: requests, looks at audio and transcriptions, with lineage filled in."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from tests.warehouse.rows import add, day

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (a class with a lower-case name)


def add_stub(cursor: Cursor, video_id: str, **values: Any) -> None:
    """Insert a video of which nothing is known but what is given."""
    add(cursor, "video", video_id=video_id, **values)


def add_request(cursor: Cursor, video_id: str, **values: Any) -> None:
    """Insert a request for a video's words, and the video's stub."""
    add_stub(cursor, video_id)
    given = {"captured_at": day(1), "again": False, "reason": "asked", "source": "request_transcription"} | values
    add(cursor, "transcription_request", request_id=uuid.uuid4().hex, video_id=video_id, **given)


def add_format(cursor: Cursor, video_id: str, **values: Any) -> None:
    """Insert a look at a video's audio, and the video's stub."""
    add_stub(cursor, video_id)
    add(cursor, "audio_format", **{"video_id": video_id, "captured_at": day(1), "source": "folder", **values})


def add_transcription(cursor: Cursor, video_id: str, **values: Any) -> None:
    """Insert an attempt at a video's words by the local tiny.en, and the video's stub."""
    add_stub(cursor, video_id)
    given = {
        "method": "speech",
        "status": "transcribed",
        "backend": "local",
        "model": "tiny.en",
        "captured_at": day(1),
        "source": "transcriber",
    } | values
    add(cursor, "transcription", transcription_id=uuid.uuid4().hex * 2, video_id=video_id, **given)
