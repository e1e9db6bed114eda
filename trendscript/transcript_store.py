"""Stored transcripts: a video goes in; the one that is meant, with its segments, comes out, or why there is none."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg2 import errors
from psycopg2.extras import RealDictCursor

from trendscript.errors import InputRefused
from trendscript.migrations import DatabaseNotMigrated, pending
from trendscript.postgres import connect

if TYPE_CHECKING:
    from collections.abc import Mapping

# Of several languages the spoken one is meant: that of a transcript of speech, else what YouTube says of the sound.
_CHOSEN = """
    with spoken as (
        select coalesce(
            (
                select heard.language from processed.transcription as heard
                where heard.video_id = %(video)s and heard.status = 'transcribed' and heard.method = 'speech'
                order by heard.captured_at desc limit 1
            ),
            (
                select split_part(audio.language, '-', 1) from processed.audio_format as audio
                where audio.video_id = %(video)s
            )
        ) as language
    )

    select said.*
    from trusted.transcription as said
    cross join spoken
    where
        said.video_id = %(video)s
        and (%(transcription)s::text is null or said.transcription_id = %(transcription)s)
        and (%(method)s::text is null or said.method = %(method)s)
        and (%(language)s::text is null or said.language = %(language)s)
    order by
        coalesce(said.language = spoken.language, false) desc,
        said.preferred desc,
        said.best_of_method desc,
        case said.method when 'captions_manual' then 2 when 'speech' then 1 else 0 end desc,
        said.captured_at desc,
        said.transcription_id asc
    limit 1
"""

_SEGMENTS = """
    select
        position, start_seconds, end_seconds, text, language, avg_logprob, no_speech_prob, compression_ratio,
        temperature, words, flags
    from processed.transcript_segment
    where transcription_id = %(transcription)s
    order by position
"""

_OTHERS = "select method, language from trusted.transcription where video_id = %(video)s order by method, language"

_FAILURE = "select reason, detail from trusted.transcription_failure where video_id = %(video)s"


class NoTranscript(InputRefused):
    """Raised when a video has no transcript such as was asked for; the text says which there are, or why none is."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which transcript of a video is wanted; None is whichever is best."""

    video_id: str
    method: str | None = None
    language: str | None = None
    transcription_id: str | None = None

    def __str__(self) -> str:
        """The conditions as a person would say them, each after a space."""
        parts = (("by", self.method), ("in", self.language), ("with the id", self.transcription_id))
        return "".join(f" {word} {value}" for word, value in parts if value)


@dataclass(frozen=True, slots=True)
class Stored:
    """A transcript as it is stored: its own columns with those of its video, and its segments in order."""

    about: Mapping[str, Any]
    segments: tuple[Mapping[str, Any], ...]


def read_transcript(dsn: str, wanted: Wanted) -> Stored:
    """Read the transcript that is meant: in the language that is spoken unless one is named, and the best of those.

    Raises NoTranscript, DatabaseNotMigrated, and what `trendscript.postgres.connect` raises.
    """
    try:
        with (
            closing(connect(dsn, application_name="trendscript export")) as connection,
            connection.cursor(cursor_factory=RealDictCursor) as cursor,
        ):
            cursor.execute("set transaction isolation level repeatable read, read only")
            return _read(cursor, wanted)
    except (errors.UndefinedTable, errors.InvalidSchemaName) as error:
        raise DatabaseNotMigrated(pending(dsn)) from error


def _read(cursor: RealDictCursor, wanted: Wanted) -> Stored:
    values = {
        "video": wanted.video_id,
        "method": wanted.method,
        "language": wanted.language,
        "transcription": wanted.transcription_id,
    }
    cursor.execute(_CHOSEN, values)
    about = cursor.fetchone()
    if about is None:
        raise NoTranscript(_explain(cursor, wanted))
    cursor.execute(_SEGMENTS, {"transcription": about["transcription_id"]})
    return Stored(dict(about), tuple(dict(row) for row in cursor.fetchall()))


def _explain(cursor: RealDictCursor, wanted: Wanted) -> str:
    """Why there is none: others there are, the failure of the last attempt, or nobody asked."""
    lacking = f"Video {wanted.video_id} has no transcript{wanted}"
    cursor.execute(_OTHERS, {"video": wanted.video_id})
    others = [f"{row['method']} ({row['language'] or 'language unknown'})" for row in cursor.fetchall()]
    if others:
        return f"{lacking}; there are: {', '.join(others)}."
    cursor.execute(_FAILURE, {"video": wanted.video_id})
    failure = cursor.fetchone()
    if failure is not None:
        return f"{lacking}: the last attempt failed, {failure['reason']}: {failure['detail'] or 'no detail was given.'}"
    return f"{lacking}. Ask for one with `trendscript request-transcription {wanted.video_id}`, if nobody has yet."
