"""What was brought for a request: how the work on it ended, or the audio to listen to."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import structlog

from transcriber.outgoing import OutgoingRefused, find_refusal
from transcriber.records import Attempt, failure_id, to_failure_message

if TYPE_CHECKING:
    from pathlib import Path

    from transcriber.audio.source import Look
    from transcriber.faults import VideoFault
    from transcriber.records import AudioFile, Recipe
    from trendscript.kafka import Message
    from trendscript.transcription_requests import TranscriptionRequest

_log = structlog.get_logger(__name__)

Outcome = Literal["transcribed", "failed", "skipped", "refused"]


@dataclass(frozen=True, slots=True)
class Answer:
    """How the work on one request ended, and the messages that say so.

    `reason` is why it failed, was skipped or refused; the seconds are of audio that was listened to and of the work.
    `transcription_ids` are what its messages are about.
    """

    outcome: Outcome
    messages: tuple[Message, ...] = ()
    reason: str | None = None
    audio_seconds: float = 0.0
    seconds: float = 0.0
    transcription_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Brought:
    """What was found so far. `answer` is set where that is all there is to do; else there is audio to listen to.

    `before` are messages that go out before the last one. `folder` holds the audio and belongs to whoever has this
    value; it may be gone.
    """

    answer: Answer | None = None
    before: tuple[Message, ...] = ()
    ids: tuple[str, ...] = ()
    look: Look | None = None
    audio: AudioFile | None = None
    file: Path | None = None
    folder: Path | None = None

    @property
    def seen(self) -> Look:
        """The look at the video. Raises LookupError where nobody has looked."""
        if self.look is None:
            raise LookupError("Nobody has looked at the video.")
        return self.look

    @property
    def heard(self) -> AudioFile:
        """The audio file. Raises LookupError where there is none."""
        if self.audio is None:
            raise LookupError("Nobody has brought the audio.")
        return self.audio

    def answered(self, answer: Answer) -> Brought:
        """The same, with all done."""
        return replace(self, answer=answer)

    def already_there(self) -> Answer:
        """The answer where the transcript is there already; what was seen goes out."""
        return Answer("skipped", self.before, "already_there", transcription_ids=self.ids)

    def failed(self, request: TranscriptionRequest, recipe: Recipe, fault: VideoFault) -> Answer:
        """A failed attempt is an answer; what was seen before it failed goes out with it. Raises OutgoingRefused."""
        message = to_failure_message(fault, to_attempt(request), recipe)
        refusal = find_refusal(message)
        if refusal is not None:
            raise OutgoingRefused(message, refusal)
        name = failure_id(request.video_id, recipe, fault.reason)
        _log.info("video_failed", video_id=request.video_id, reason=fault.reason, detail=fault.detail)
        return Answer("failed", (*self.before, message), fault.reason, transcription_ids=(*self.ids, name))

    def discard(self) -> None:
        """Delete the audio."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def to_attempt(request: TranscriptionRequest) -> Attempt:
    """An attempt at a request that ends now."""
    return Attempt(request.video_id, request.request_id, datetime.now(UTC))
