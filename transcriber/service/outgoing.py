"""Outgoing messages: a transcript goes in, a message that its topic takes comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transcriber.faults import VideoFault
from transcriber.records import to_transcription_message
from trendscript.kafka import MAX_MESSAGE_BYTES

if TYPE_CHECKING:
    from transcriber.records import Attempt, AudioFile, Recipe
    from transcriber.speech import Transcript
    from trendscript.kafka import Message

MOST_BYTES = MAX_MESSAGE_BYTES - 16 * 1024
"""The contract's limit counts what the broker puts around a message, too."""


def to_fitting_message(
    transcript: Transcript, attempt: Attempt, recipe: Recipe, audio: AudioFile, seconds: float
) -> Message:
    """The transcript as a message; without its words' times if it is too large with them.

    Raises VideoFault `transcript_too_large` if it is too large without.
    """
    for words in (True, False):
        message = to_transcription_message(transcript, attempt, recipe, audio, processing_seconds=seconds, words=words)
        if len(message.value or b"") <= MOST_BYTES:
            return message
    raise VideoFault(
        "transcript_too_large",
        f"The transcript has {message.size():,} bytes; a message takes {MOST_BYTES:,}.",
    )
