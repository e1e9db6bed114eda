"""What reading captions raises, told apart: an exception goes in, a fault of the video or of ours comes out.

What says nothing clear is about us: work then waits, and no good video is marked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError

import requests
from youtube_transcript_api import _errors as raised
from youtube_transcript_api.proxies import InvalidProxyConfig

from transcriber.audio.youtube_words import find_reason
from transcriber.faults import PassingFault, ServerGone, ServiceFault, VideoFault

if TYPE_CHECKING:
    from transcriber.faults import VideoReason

NO_CAPTIONS: tuple[type[Exception], ...] = (raised.TranscriptsDisabled, raised.NoTranscriptFound)
"""The video plays, and has none."""

ABOUT_THE_VIDEO: dict[type[Exception], VideoReason] = {
    raised.AgeRestricted: "age_restricted",
    raised.VideoUnavailable: "unavailable",
    raised.InvalidVideoId: "unavailable",
}

BLOCKED: tuple[type[Exception], ...] = (raised.RequestBlocked, raised.IpBlocked, raised.PoTokenRequired)
"""YouTube takes us for a robot."""

UNREADABLE: tuple[type[Exception], ...] = (
    raised.YouTubeDataUnparsable,
    raised.YouTubeRequestFailed,
    raised.FailedToCreateConsentCookie,
    raised.NotTranslatable,
    raised.TranslationLanguageNotAvailable,
    raised.CookieError,
    raised.CookieInvalid,
    raised.CookiePathInvalid,
    raised.CouldNotRetrieveTranscript,
    raised.YouTubeTranscriptApiException,
    InvalidProxyConfig,
)
"""Refusals and answers that say nothing of the video."""

FORESEEN: tuple[type[Exception], ...] = (
    raised.YouTubeTranscriptApiException,
    InvalidProxyConfig,
    requests.RequestException,
    ParseError,
    LookupError,
    AttributeError,
    TypeError,
    ValueError,
    OSError,
)
"""What reading captions may raise for what YouTube, or the network, may do."""


def to_fault(error: Exception) -> VideoFault | ServiceFault:
    """The fault that `error` stands for; it is none of NO_CAPTIONS."""
    kind = type(error)
    if kind in ABOUT_THE_VIDEO:
        return VideoFault(ABOUT_THE_VIDEO[kind], _cause(error))
    if isinstance(error, raised.VideoUnplayable):
        return _by_the_words(error)
    # An empty body is what YouTube answers to apps without a token that proves them no robot.
    if kind in BLOCKED or isinstance(error, ParseError):
        return PassingFault(
            f"YouTube takes us for a robot and keeps captions back ({kind.__name__}). It does so for an hour or days, "
            "most often where much is asked for from one address, or from a data centre."
        )
    if _is_of_the_network(error):
        # Its own text has the address, and a key in it.
        return ServerGone(
            f"YouTube does not answer for captions ({kind.__name__}). Check the network and the proxy settings."
        )
    return PassingFault(
        f"What YouTube answered for captions can't be used ({kind.__name__}). If it stays so, YouTube has changed "
        "something: look for a newer youtube-transcript-api."
    )


def _is_of_the_network(error: Exception) -> bool:
    if isinstance(error, requests.RequestException):  # all of them are OSErrors, those of unreadable answers too
        return isinstance(error, requests.ConnectionError | requests.Timeout)
    return isinstance(error, OSError)


def _by_the_words(error: raised.VideoUnplayable) -> VideoFault | ServiceFault:
    said = ". ".join([error.reason or "", *error.sub_reasons]).strip(". ")
    reason = find_reason(said)
    if reason is not None:
        return VideoFault(reason, f"YouTube says: {said}.")
    return PassingFault(f"YouTube does not let us have the captions, and it may be us: {said or 'it gives no reason'}.")


def _cause(error: Exception) -> str:
    cause = getattr(error, "cause", None)
    return f"YouTube says: {str(cause).split('.', maxsplit=1)[0]}."
