"""What pytubefix raises, told apart: an exception goes in, a fault of the video or of ours comes out.

Its own classes can't be told apart by their base: BotDetection, which means us, is a VideoUnavailable. So each class
stands in a table here. What is in none, and what says nothing clear, is about us: work then waits, and no good video
is marked as failed.
"""

from __future__ import annotations

import ssl
from http.client import HTTPException
from subprocess import SubprocessError
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError

from pytubefix import exceptions as raised
from pytubefix.jsinterp import JS_Break, JS_Continue, JS_Throw, JSInterpreter
from pytubefix.sig_nsig import node_runner

from transcriber.audio.youtube_words import find_reason, speaks_of_us
from transcriber.faults import PassingFault, ServerGone, ServiceFault, VideoFault

if TYPE_CHECKING:
    from transcriber.faults import VideoReason

ABOUT_THE_VIDEO: dict[type[Exception], VideoReason] = {
    raised.VideoPrivate: "private",
    raised.MembersOnly: "members_only",
    raised.VideoRemovedByUploader: "removed",
    raised.VideoRemovedByYouTubeForViolatingTOS: "removed",
    raised.AccountTerminated: "removed",
    raised.VideoBlockedByCopyright: "copyright",
    raised.VideoRegionBlocked: "region_blocked",
    raised.AgeRestrictedError: "age_restricted",
    raised.AgeCheckRequiredError: "age_restricted",
    raised.AgeCheckRequiredAccountError: "age_restricted",
    raised.LiveStreamError: "live",
    raised.LiveStreamOffline: "live",
    raised.LiveStreamEnded: "live",
    raised.RecordingUnavailable: "unavailable",
}

ABOUT_US: dict[type[Exception], type[ServiceFault]] = {
    raised.BotDetection: PassingFault,
    raised.PoTokenRequired: PassingFault,
    raised.InnerTubeResponseError: PassingFault,
    raised.SABRError: PassingFault,
    raised.RegexMatchError: PassingFault,
    raised.ExtractError: PassingFault,
    raised.HTMLParseError: PassingFault,
    raised.InterpretationError: PassingFault,
    raised.PytubeFixError: PassingFault,
    raised.MaxRetriesExceeded: ServerGone,
    node_runner.NodeRunnerError: PassingFault,
    node_runner.NodeRunnerEmptyResponseError: PassingFault,
    node_runner.NodeRunnerInvalidResponseError: PassingFault,
    node_runner.NodeRunnerUndefinedResponseError: PassingFault,
    JSInterpreter.Exception: PassingFault,
    JS_Break: PassingFault,
    JS_Continue: PassingFault,
    JS_Throw: PassingFault,
}

BY_THE_WORDS: dict[type[Exception], VideoReason | None] = {
    raised.VideoUnavailable: "unavailable",
    raised.LoginRequired: None,
    raised.UnknownVideoError: None,
}
"""Classes that stand for many causes: YouTube's sentence decides, and where it is unclear the reason given here."""

NETWORK: tuple[type[Exception], ...] = (URLError, ConnectionError, TimeoutError, ssl.SSLError, HTTPException)
"""What urllib raises of the network; other kinds of OSError are of a disk."""

# pytubefix walks through answers that may have any shape, so nearly anything is raised where one has another.
FORESEEN: tuple[type[Exception], ...] = (
    *(ABOUT_THE_VIDEO.keys() | ABOUT_US.keys() | BY_THE_WORDS.keys()),
    *NETWORK,
    OSError,
    LookupError,
    AttributeError,
    TypeError,
    ValueError,
    RuntimeError,
    EOFError,
    SubprocessError,
)
"""What pytubefix may raise for what YouTube, or the network, may do."""


def to_fault(error: Exception, sentence: str = "") -> VideoFault | ServiceFault:
    """The fault that `error` stands for; `sentence` is what YouTube's player said, where it said something."""
    kind = type(error)
    if kind in ABOUT_THE_VIDEO:
        return VideoFault(ABOUT_THE_VIDEO[kind], _detail(sentence, error))
    if kind in BY_THE_WORDS:
        return _by_the_words(error, sentence, BY_THE_WORDS[kind])
    if isinstance(error, HTTPError):
        return _of_status(error)
    if isinstance(error, OSError | HTTPException) or ABOUT_US.get(kind) is ServerGone:
        return ServerGone(f"YouTube does not answer ({_named(error)}). Check the network and the proxy settings.")
    if kind is raised.BotDetection:
        return PassingFault(
            "YouTube takes us for a robot and asks to sign in. It does so for an hour or days, most often where many "
            "videos are asked for from one address, or from a data centre; ask for fewer, or from another address."
        )
    return PassingFault(
        f"What YouTube answered can't be used ({_named(error)}). If it stays so, YouTube has changed something: "
        "look for a newer pytubefix."
    )


def _by_the_words(error: Exception, sentence: str, otherwise: VideoReason | None) -> VideoFault | ServiceFault:
    said = sentence or getattr(error, "reason", None) or ""
    reason = find_reason(said) or (None if speaks_of_us(said) else otherwise)
    if reason is not None:
        return VideoFault(reason, _detail(said, error))
    return PassingFault(f"YouTube does not let us have the video, and it may be us: {said or _named(error)}.")


def _of_status(error: HTTPError) -> PassingFault:
    return PassingFault(
        f"YouTube refuses a request (HTTP {error.code}). It most often means too many from one address; wait.",
        retry_after=read_retry_after(error.headers.get("Retry-After")),
    )


def read_retry_after(value: str | None) -> float | None:
    """Seconds of a Retry-After header; None for none, and for a date, which needs a clock that agrees with theirs."""
    return float(value) if value is not None and value.strip().isdecimal() else None


def _detail(sentence: str, error: Exception) -> str:
    return f"YouTube says: {sentence}." if sentence else f"{error}."


def _named(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__
