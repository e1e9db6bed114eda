"""Records: what was seen of a video goes in, messages in their envelopes come out. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import orjson

from transcriber.sentences import join_text, to_plain, to_plain_or_none, to_sentences, to_share
from trendscript.envelopes import to_json, to_timestamp
from trendscript.kafka import Message

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from transcriber.audio.source import AudioFormat, Look, VideoDetails
    from transcriber.captions import Captions
    from transcriber.faults import VideoFault
    from transcriber.speech import Transcript

TRANSCRIBER = "transcriber"
TRANSCRIPTIONS = "youtube_transcription"

_LONGEST_NAME = 200
_LONGEST_DETAIL = 10_000


def to_audio_format_message(look: Look, captured_at: datetime, source: str) -> Message:
    """A `youtube_audio_format` message: the audio a download would give, and what the player says of the video.

    `source` is the name of the audio source that looked.
    """
    envelope = {
        "source": source,
        "captured_at": to_timestamp(captured_at),
        "item": {
            "id": look.video_id,
            "format": _format(look.format),
            "details": None if look.details is None else _details(look.details),
        },
    }
    return Message("youtube_audio_format", look.video_id.encode(), to_json(envelope))


def _format(audio: AudioFormat) -> dict[str, Any]:
    return {
        "itag": audio.itag,
        "mime_type": to_plain_or_none(audio.mime_type),
        "codec": to_plain_or_none(audio.codec),
        "bytes": audio.bytes,
        "duration_seconds": audio.duration_seconds,
        "language": to_plain_or_none(audio.language),
    }


def _details(details: VideoDetails) -> dict[str, Any]:
    return {
        "title": to_plain_or_none(details.title),
        "author": to_plain_or_none(details.author),
        "channel_id": to_plain_or_none(details.channel_id),
        "length_seconds": details.length_seconds,
        "published_at": None if details.published_at is None else to_timestamp(details.published_at),
        "keywords": None if details.keywords is None else [to_plain(word) for word in details.keywords],
    }


@dataclass(frozen=True, slots=True)
class Attempt:
    """Whose words are wanted, by which request, and when the attempt ended."""

    video_id: str
    request_id: str | None
    captured_at: datetime


@dataclass(frozen=True, slots=True)
class Recipe:
    """Who listens, and how: beside the audio, all that decides what a transcript says.

    `revision` is None for a model that can't be had.
    """

    backend: str
    model: str
    revision: str | None
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AudioFile:
    """The file that was listened to. `itag` is None for a file of a folder."""

    sha256: str
    bytes: int
    itag: int | None


def transcription_id(video_id: str, audio_sha256: str, recipe: Recipe) -> str:
    """Names a transcription: the same video, audio, backend, revision and options have the same name, always."""
    return _digest(video_id, audio_sha256, recipe.backend, recipe.revision, dict(recipe.options))


def failure_id(video_id: str, recipe: Recipe, reason: str) -> str:
    """Names a failed attempt: one that is tried again and fails the same way has the same name."""
    return _digest("failed", video_id, recipe.backend, recipe.revision, dict(recipe.options), reason)


def captions_id(video_id: str, captions: Captions) -> str:
    """Names captions: the same text in the same language has the same name."""
    return _digest("captions", video_id, captions.method, captions.language, join_text(captions.segments))


def _digest(*parts: object) -> str:
    return sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()


def to_transcription_message(  # noqa: PLR0913  (one parameter each for what a row has from another place)
    transcript: Transcript,
    attempt: Attempt,
    recipe: Recipe,
    audio: AudioFile,
    *,
    processing_seconds: float,
    words: bool = True,
) -> Message:
    """A `youtube_transcription` message of what a model heard. Without `words` a flag says that they were left out."""
    dropped = not words and any(segment.words for segment in transcript.segments)
    item = {
        "transcription_id": transcription_id(attempt.video_id, audio.sha256, recipe),
        "method": "speech",
        "status": "transcribed",
        **_named(recipe),
        "language": _language(transcript.language.code if transcript.language else None),
        "language_probability": to_share(transcript.language.probability if transcript.language else None),
        "timestamps": "segment" if dropped else transcript.timestamps,
        "text": to_plain(transcript.text),
        "duration_seconds": transcript.duration_seconds,
        "speech_seconds": transcript.speech_seconds,
        "coverage": transcript.coverage,
        "flags": [*transcript.flags, *(["words_dropped"] if dropped else [])] or None,
        "audio": {"sha256": audio.sha256, "bytes": audio.bytes, "itag": audio.itag},
        "processing_seconds": round(processing_seconds, 3),
        "segments": None if transcript.timestamps == "none" else to_sentences(transcript.segments, words=words),
    }
    return _transcription(attempt, item)


def to_captions_message(captions: Captions, attempt: Attempt) -> Message:
    """A `youtube_transcription` message of what captions say."""
    item = {
        "transcription_id": captions_id(attempt.video_id, captions),
        "method": captions.method,
        "status": "transcribed",
        "backend": "youtube",
        "language": _language(captions.language),
        "timestamps": "segment",
        "text": join_text(captions.segments),
        "segments": to_sentences(captions.segments, words=True),
    }
    return _transcription(attempt, item)


def to_failure_message(fault: VideoFault, attempt: Attempt, recipe: Recipe) -> Message:
    """A `youtube_transcription` message that says why there is no transcript."""
    item = {
        "transcription_id": failure_id(attempt.video_id, recipe, fault.reason),
        "method": "speech",
        "status": "failed",
        "reason": fault.reason,
        "detail": to_plain(fault.detail)[:_LONGEST_DETAIL],
        **_named(recipe),
    }
    return _transcription(attempt, item)


def _transcription(attempt: Attempt, item: dict[str, Any]) -> Message:
    envelope = {
        "source": TRANSCRIBER,
        "captured_at": to_timestamp(attempt.captured_at),
        "video_id": attempt.video_id,
        "request_id": attempt.request_id,
        "item": item,
    }
    return Message(TRANSCRIPTIONS, attempt.video_id.encode(), to_json(envelope))


def _named(recipe: Recipe) -> dict[str, Any]:
    return {
        "backend": recipe.backend,
        "model": _model_name(recipe.model),
        "model_revision": to_plain_or_none(recipe.revision),
        "options": dict(recipe.options),
    }


def _model_name(name: str) -> str:
    """A model's name as the table holds it: of a long one, as of a deep folder, the end."""
    plain = to_plain(name)
    return plain if len(plain) <= _LONGEST_NAME else f"…{plain[1 - _LONGEST_NAME :]}"


def _language(code: str | None) -> str | None:
    """The language of a code like pt-BR: its first part, where that has two or three letters."""
    found = re.match(r"([A-Za-z]{2,3})(?![A-Za-z])", code or "")
    return found[1].lower() if found else None
