"""Outgoing messages: what was seen or heard goes in; a message that its contract and its topic take comes out."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import structlog

from transcriber.faults import VideoFault
from transcriber.records import to_audio_format_message, to_captions_message, to_transcription_message
from trendscript.contracts import load_contract
from trendscript.contracts.rows import MessageReader, Rejected
from trendscript.kafka import MAX_MESSAGE_BYTES

if TYPE_CHECKING:
    from datetime import datetime

    from transcriber.audio.source import Look
    from transcriber.captions import Captions
    from transcriber.records import Attempt, AudioFile, Recipe
    from transcriber.speech import Transcript
    from trendscript.kafka import Message

_log = structlog.get_logger(__name__)

_MOST_BYTES = MAX_MESSAGE_BYTES - 16 * 1024
"""The contract's limit counts what the broker puts around a message, too."""


class OutgoingRefused(Exception):
    """Raised when a message that only says what failed is not what its contract takes: a bug of ours."""

    def __init__(self, message: Message, reason: str) -> None:
        self.message, self.reason = message, reason
        super().__init__(f"A message for {message.topic} would be quarantined ({reason}), so it is not published.")


def find_refusal(message: Message) -> str | None:
    """Why loading would quarantine a message, as `code:column`; None where it would not."""
    outcome = _reader(message.topic).read(message.value)
    return outcome.reason if isinstance(outcome, Rejected) else None


@cache
def _reader(topic: str) -> MessageReader:
    return MessageReader(load_contract(topic))


def to_fitting_message(
    transcript: Transcript, attempt: Attempt, recipe: Recipe, audio: AudioFile, seconds: float
) -> Message:
    """The transcript as a message; without its words' times if it is too large with them.

    Raises VideoFault `transcript_too_large` if it is too large without, `breaks_contract` if it would be quarantined.
    """
    for words in (True, False):
        message = to_transcription_message(transcript, attempt, recipe, audio, processing_seconds=seconds, words=words)
        if _fits(message):
            break
    else:
        detail = f"The transcript has {message.size():,} bytes; a message takes {_MOST_BYTES:,}."
        raise VideoFault("transcript_too_large", detail)
    refusal = find_refusal(message)
    if refusal is not None:
        raise VideoFault("breaks_contract", f"What {recipe.model} wrote is not what the contract takes ({refusal}).")
    return message


def to_fitting_captions(captions: Captions, attempt: Attempt) -> Message | None:
    """Captions as a message; None, and a line in the log, where they are too large or would be quarantined."""
    message = to_captions_message(captions, attempt)
    refusal = find_refusal(message) if _fits(message) else "too_large"
    if refusal is None:
        return message
    _log.warning("captions_left_out", video_id=attempt.video_id, reason=refusal, bytes=message.size())
    return None


def to_fitting_look(look: Look, captured_at: datetime, source: str) -> Message | None:
    """A look as a message; without what the player says of the video if that would have it quarantined.

    None, and a line in the log, where the format alone would be.
    """
    for shown in (look, replace(look, details=None)):
        message = to_audio_format_message(shown, captured_at, source)
        refusal = find_refusal(message)
        if refusal is None:
            return message
        _log.warning("look_left_out", video_id=look.video_id, reason=refusal, details=shown.details is not None)
    return None


def _fits(message: Message) -> bool:
    return len(message.value or b"") <= _MOST_BYTES
