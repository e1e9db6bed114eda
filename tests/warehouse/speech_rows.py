"""Transcripts in a line each: a video's sentences, four seconds apart, with what else a test wants to say of them."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from tests.warehouse.rows import add, add_video, day

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (a class with a lower-case name)

SECONDS = 4.5


def add_transcript(  # noqa: PLR0913  (a transcript has that many sides, most of them the same in most tests)
    cursor: Cursor,
    video_id: str,
    sentences: Sequence[str],
    *,
    language: str | None = "en",
    method: str = "speech",
    flags: dict[int, list[str]] | None = None,
    **values: Any,
) -> str:
    """Insert a transcript of a video and its segments; `flags` are those of sentences, by position."""
    given = {"captured_at": day(2), "timestamps": "segment", "model": "base", "backend": "local"} | values
    made_of = (video_id, method, language, given["captured_at"], given["model"])
    transcription_id = sha256(repr(made_of).encode()).hexdigest()
    add(cursor, "video", video_id=video_id, source=None, row_digest=None, captured_at=None)  # a stub, if nothing else
    add(
        cursor,
        "transcription",
        **{"status": "transcribed", "text": " ".join(sentences)} | given,
        transcription_id=transcription_id,
        video_id=video_id,
        method=method,
        language=language,
    )
    for position, text in enumerate(sentences if given["timestamps"] != "none" else ()):
        add_segment(cursor, transcription_id, position, text, language=language, flags=(flags or {}).get(position))
    return transcription_id


def add_segment(cursor: Cursor, transcription_id: str, position: int, text: str, **values: Any) -> None:
    """Insert a segment."""
    times = {"start_seconds": position * SECONDS, "end_seconds": (position + 1) * SECONDS}
    statement = (
        "insert into processed.transcript_segment (transcription_id, position, start_seconds, end_seconds, text,"
        " language, flags, row_digest, source_partition, source_offset, batch_id)"
        " values (%(id)s, %(position)s, %(start_seconds)s, %(end_seconds)s, %(text)s, %(language)s, %(flags)s,"
        " '\\x00', 0, 0, 1)"
    )
    given = {"language": "en", "flags": None} | times | values
    cursor.execute(statement, given | {"id": transcription_id, "position": position, "text": text})


def add_said(cursor: Cursor, video_id: str, *sentences: str, language: str | None = "en") -> str:
    """Insert a video with a record, and what is said in it."""
    add_video(cursor, video_id, published_at=day(1))
    return add_transcript(cursor, video_id, sentences, language=language)


def add_failure(cursor: Cursor, video_id: str, reason: str, **values: Any) -> None:
    """Insert an attempt that failed."""
    given = {"captured_at": day(2), "detail": f"It is {reason}.", "method": "speech"} | values
    add(cursor, "video", video_id=video_id, source=None, row_digest=None, captured_at=None)
    transcription_id = sha256(repr((video_id, reason, given["captured_at"])).encode()).hexdigest()
    add(
        cursor,
        "transcription",
        **given,
        transcription_id=transcription_id,
        video_id=video_id,
        status="failed",
        reason=reason,
    )
