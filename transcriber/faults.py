"""Faults: whose they are decides what follows. A video's are recorded with it; ours stop the work and mark nothing."""

from __future__ import annotations

from typing import Literal

from trendscript.errors import NeedsAPerson, ServerUnreachable, TrendscriptError, TryAgainLater

VideoReason = Literal[
    "private",
    "removed",
    "unavailable",
    "region_blocked",
    "age_restricted",
    "members_only",
    "copyright",
    "live",
    "no_audio",
    "no_original_audio",
    "no_file",
    "empty",
    "truncated",
    "not_audio",
    "too_short",
    "too_long",
    "too_large",
    "wrong_duration",
    "refused_by_backend",
    "model_not_allowed",
    "crashes_the_transcriber",
    "transcript_too_large",
    "breaks_contract",
    "unexplained",
]


class VideoFault(Exception):
    """Raised when a video, or its audio, can't be transcribed whoever tries: it becomes a `failed` transcription.

    `detail` is a sentence for whoever reads the table.
    """

    def __init__(self, reason: VideoReason, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}")


class ServiceFault(TrendscriptError):
    """Base of what keeps every video from being transcribed: consumption pauses, and nothing is marked failed.

    `retry_after` is how many seconds the other side asked to wait; None where it did not say.
    """

    def __init__(self, text: str, *, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(text)


class PassingFault(ServiceFault, TryAgainLater):
    """Raised when the same may work later: a bot wall, a rate limit, an overloaded server."""


class LookRefused(PassingFault):
    """Raised when a look at a video fails for what should pass."""


class FetchRefused(PassingFault):
    """Raised when the audio of a video that could be looked at is refused for what should pass."""


class MachineFault(PassingFault):
    """Raised when this machine fails at its work on one audio: its memory, its GPU, its disk."""


class ServerGone(ServiceFault, ServerUnreachable):
    """Raised when a server that the work needs does not answer."""


class OperatorNeeded(ServiceFault, NeedsAPerson):
    """Raised when only a person can help: a wrong key, no money left, a model that is gone."""


class ModelGone(OperatorNeeded):
    """Raised when there is no model of that name, or not one that can do it.

    Where only one request names it, that request alone is refused.
    """


class Stopped(Exception):
    """Raised inside the work when the service was asked to stop; what is done so far is kept."""
