"""Every exception of both libraries has its place: one that a new version adds is missed here, not in production."""

from __future__ import annotations

import importlib
import pkgutil
from email.message import Message
from http.client import IncompleteRead, RemoteDisconnected
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError

import pytest
import requests
from pytubefix import exceptions as pytubefix_raises
from youtube_transcript_api import _errors as captions_raise

from transcriber import caption_faults
from transcriber.audio import youtube_faults
from transcriber.audio.youtube_words import find_reason, read_sentence, speaks_of_us
from transcriber.faults import PassingFault, ServerGone, VideoFault

if TYPE_CHECKING:
    from collections.abc import Iterator


def exceptions_of(package: str) -> set[type[Exception]]:
    """All classes that `package` defines and that reading raises, nested ones too; formats to write are not read."""
    top = importlib.import_module(package)
    for module in pkgutil.walk_packages(top.__path__, f"{package}."):
        if ".test" not in module.name and not module.name.endswith("api.__main__"):
            importlib.import_module(module.name)
    kinds = (kind for kind in _below(Exception) if kind.__module__.split(".")[0] == package)
    return {kind for kind in kinds if not kind.__module__.endswith(".formatters")}


def _below(kind: type[Exception]) -> Iterator[type[Exception]]:
    for each in kind.__subclasses__():
        yield each
        yield from _below(each)


def test_every_exception_of_pytubefix_is_told_apart() -> None:
    """Each stands in just one table; none is told by its base."""
    told = [*youtube_faults.ABOUT_THE_VIDEO, *youtube_faults.ABOUT_US, *youtube_faults.BY_THE_WORDS]
    assert set(told) == exceptions_of("pytubefix")
    assert len(told) == len(set(told))


def test_every_exception_of_the_captions_library_is_told_apart() -> None:
    """The same."""
    told = [
        *caption_faults.NO_CAPTIONS,
        *caption_faults.ABOUT_THE_VIDEO,
        *caption_faults.BLOCKED,
        *caption_faults.UNREADABLE,
        captions_raise.VideoUnplayable,
    ]
    assert set(told) == exceptions_of("youtube_transcript_api")
    assert len(told) == len(set(told))


def test_what_may_be_raised_is_caught() -> None:
    """No class of theirs gets past the places that tell it apart."""
    assert all(issubclass(kind, youtube_faults.FORESEEN) for kind in exceptions_of("pytubefix"))
    assert all(issubclass(kind, caption_faults.FORESEEN) for kind in exceptions_of("youtube_transcript_api"))


def test_a_bot_wall_is_no_unavailable_video() -> None:
    """Though pytubefix derives the one from the other."""
    error = pytubefix_raises.BotDetection("aaaaaaaaaaa")
    assert isinstance(error, pytubefix_raises.VideoUnavailable)
    fault = youtube_faults.to_fault(error)
    assert isinstance(fault, PassingFault)
    assert "robot" in str(fault)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (pytubefix_raises.PoTokenRequired("aaaaaaaaaaa", "WEB"), PassingFault),
        (pytubefix_raises.InnerTubeResponseError("aaaaaaaaaaa", "WEB"), PassingFault),
        (pytubefix_raises.UnknownVideoError("aaaaaaaaaaa", "TAPIR", "Tapir"), PassingFault),
        (pytubefix_raises.UnknownVideoError("aaaaaaaaaaa"), PassingFault),
        (pytubefix_raises.LoginRequired("aaaaaaaaaaa", "Sign in"), PassingFault),
        (pytubefix_raises.SABRError("no more"), PassingFault),
        (pytubefix_raises.RegexMatchError("sig", "a+"), PassingFault),
        (pytubefix_raises.MaxRetriesExceeded(), ServerGone),
        (URLError(OSError(101, "Network is unreachable")), ServerGone),
        (HTTPError("https://x", 500, "", Message(), None), PassingFault),
        (IncompleteRead(b"a", 2), ServerGone),
        (RemoteDisconnected("gone"), ServerGone),
        (TimeoutError("timed out"), ServerGone),
        (ConnectionResetError(104, "reset"), ServerGone),
        (AttributeError("module 'pytubefix.exceptions' has no attribute 'PyTubeFixError'"), PassingFault),
        (KeyError("videoDetails"), PassingFault),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_what_pytubefix_lets_through_is_about_us(error: Exception, kind: type[Exception]) -> None:
    """Also what is not of its own classes."""
    assert isinstance(error, youtube_faults.FORESEEN)
    assert type(youtube_faults.to_fault(error)) is kind


def test_an_unknown_video_error_that_speaks_clearly_is_about_the_video() -> None:
    """Pytubefix knows few of YouTube's sentences."""
    error = pytubefix_raises.UnknownVideoError("aaaaaaaaaaa", "ERROR", "This video has been removed by its owner")
    fault = youtube_faults.to_fault(error)
    assert isinstance(fault, VideoFault)
    assert fault.reason == "removed"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (captions_raise.IpBlocked("aaaaaaaaaaa"), PassingFault),
        (captions_raise.RequestBlocked("aaaaaaaaaaa"), PassingFault),
        (captions_raise.PoTokenRequired("aaaaaaaaaaa"), PassingFault),
        (requests.exceptions.ReadTimeout("slow"), ServerGone),
        (requests.exceptions.SSLError("bad"), ServerGone),
        (requests.exceptions.InvalidSchema("no adapter"), PassingFault),
        (requests.exceptions.JSONDecodeError("x", "y", 0), PassingFault),
        (KeyError("captions"), PassingFault),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_what_the_captions_library_lets_through_is_about_us(error: Exception, kind: type[Exception]) -> None:
    """Also what is not of its own classes."""
    assert isinstance(error, caption_faults.FORESEEN)
    assert type(caption_faults.to_fault(error)) is kind


def test_a_fault_never_shows_an_address() -> None:
    """Addresses hold keys and signatures."""
    error = requests.exceptions.ConnectionError("host='www.youtube.com': /youtubei/v1/player?key=AIzaSecret")
    assert "AIza" not in str(caption_faults.to_fault(error))


@pytest.mark.parametrize("sentence", ["", "Tapir", "Please sign in"])
def test_words_that_say_nothing_give_no_reason(sentence: str) -> None:
    """Nothing is guessed."""
    assert find_reason(sentence) is None
    assert not speaks_of_us(sentence)


@pytest.mark.parametrize("player", [None, [], "x", {}, {"playabilityStatus": []}, {"playabilityStatus": {"reason": 3}}])
def test_an_answer_of_another_shape_has_no_sentence(player: object) -> None:
    """And is no error."""
    assert read_sentence(player) == ""


def test_a_sentence_has_both_lines_once() -> None:
    """The second line of YouTube's screen often says more; it comes as one string or in runs."""
    screen = {"playerErrorMessageRenderer": {"subreason": {"runs": [{"text": "It was "}, {"text": "deleted."}]}}}
    status = {"reason": "Video unavailable", "messages": ["Video unavailable."], "errorScreen": screen}
    assert read_sentence({"playabilityStatus": status}) == "Video unavailable. It was deleted"
