"""Looks that show nothing: whose fault it is, by what YouTube's servers say."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

from tests.transcriber.youtube.conftest import make_source
from tests.transcriber.youtube.loopback import MEDIA, Reply, ToLoopback, as_json
from tests.transcriber.youtube.players import VIDEO, a_format, a_player, a_refusal
from transcriber.audio.decode import AudioLimits
from transcriber.audio.youtube import PytubefixSource
from transcriber.faults import PassingFault, ServerGone, ServiceFault, VideoFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.transcriber.youtube.loopback import LoopbackYouTube
    from transcriber.audio.source import AudioSource


COUNTRY = "The uploader has not made this video available in your country"
GROUNDS = "It contains content from Lanterns, who has blocked it in your country on copyright grounds"
LEVEL = "Level 2 only. Join this channel to get access to members-only content and other exclusive perks."
GUIDELINES = "This video has been removed for violating YouTube's Community Guidelines"
MEMBERS = "Join this channel to get access to members-only content like this video, and other exclusive perks."
TERMINATED = (
    "This video is no longer available because the YouTube account associated with this video has been terminated."
)
ABOUT_THE_VIDEO: list[tuple[str, dict[str, Any], str]] = [
    ("private", a_refusal("LOGIN_REQUIRED", "This video is private"), "private"),
    ("private_screen", a_refusal("LOGIN_REQUIRED", "Sign in to see this private video"), "private"),
    ("private_by_error", a_refusal("ERROR", "This video is private"), "private"),
    ("age", a_refusal("LOGIN_REQUIRED", "Sign in to confirm your age"), "age_restricted"),
    ("age_words", a_refusal("LOGIN_REQUIRED", "This video may be inappropriate for some users."), "age_restricted"),
    ("age_check", a_refusal("AGE_CHECK_REQUIRED", "This video may be inappropriate for some users."), "age_restricted"),
    ("region", a_refusal("UNPLAYABLE", COUNTRY), "region_blocked"),
    (
        "region_below",
        a_refusal("UNPLAYABLE", "Video unavailable", COUNTRY),
        "region_blocked",
    ),
    (
        "copyright",
        a_refusal("UNPLAYABLE", GROUNDS),
        "copyright",
    ),
    ("copyright_below", a_refusal("ERROR", "Video unavailable", "It has a copyright claim by Lanterns"), "copyright"),
    ("members", a_refusal("UNPLAYABLE", MEMBERS), "members_only"),
    ("members_2", a_refusal("UNPLAYABLE", LEVEL), "members_only"),
    ("live_later", a_refusal("LIVE_STREAM_OFFLINE", "This live event will begin in 3 hours."), "live"),
    ("premiere", a_refusal("LIVE_STREAM_OFFLINE", "Premieres in 20 minutes"), "live"),
    ("live_ended", a_refusal("OK", "This live event has ended."), "live"),
    ("no_recording", a_refusal("UNPLAYABLE", "This live stream recording is not available."), "unavailable"),
    ("by_uploader", a_refusal("ERROR", "This video has been removed by the uploader"), "removed"),
    ("by_youtube", a_refusal("ERROR", GUIDELINES), "removed"),
    ("terminated", a_refusal("ERROR", TERMINATED), "removed"),
    ("closed", a_refusal("ERROR", "Video unavailable", "The uploader has closed their YouTube account"), "removed"),
    ("gone", a_refusal("ERROR", "This video is unavailable"), "unavailable"),
    ("gone_2", a_refusal("ERROR", "Video unavailable"), "unavailable"),
    ("paid", a_refusal("UNPLAYABLE", "This video requires payment to watch"), "unavailable"),
    ("live", a_player(a_format(249), isLive=True), "live"),
    ("live_just_ended", a_player(a_format(249), isPostLiveDvr=True), "live"),
    ("no_audio", a_player(a_format(137)), "no_audio"),
]


@pytest.mark.parametrize(
    ("player", "reason"), [case[1:] for case in ABOUT_THE_VIDEO], ids=[case[0] for case in ABOUT_THE_VIDEO]
)
def test_what_is_about_the_video(
    youtube: LoopbackYouTube, source: AudioSource, player: dict[str, Any], reason: str
) -> None:
    """Nobody like us gets it: it becomes a failed transcription with that reason, in YouTube's words."""
    youtube.players[VIDEO] = player
    with pytest.raises(VideoFault) as fault:
        source.look(VIDEO)
    assert fault.value.reason == reason
    said = player["playabilityStatus"].get("reason", "").rstrip(".")
    assert said in fault.value.detail


def a_sabr_player() -> dict[str, Any]:
    """No stream has an address of its own."""
    player = a_player(a_format(249, url=None))
    player["streamingData"]["serverAbrStreamingUrl"] = f"https://{MEDIA}/videoplayback?sabr=1"
    return player


ABOUT_US: list[tuple[str, dict[str, Any]]] = [
    ("bot_wall", a_refusal("LOGIN_REQUIRED", "Sign in to confirm you’re not a bot")),  # noqa: RUF001  (as it is sent)
    ("bot_wall_apostrophe", a_refusal("LOGIN_REQUIRED", "Sign in to confirm you're not a bot. This helps protect us")),
    ("login_unclear", a_refusal("LOGIN_REQUIRED", "Please sign in")),
    ("rate", a_refusal("UNPLAYABLE", "Video unavailable", "This content isn’t available, try again later.")),  # noqa: RUF001
    ("old_app", a_refusal("UNPLAYABLE", "The following content is not available on this app")),
    ("unknown_error", a_refusal("ERROR", "Tapir")),
    ("unknown_status", a_refusal("TAPIR", "Tapir")),
    ("other_video", a_player(a_format(249), video_id="bbbbbbbbbbb")),
    ("nothing", {}),
    ("no_streams", {**a_player(), "streamingData": None}),
    ("no_formats", {key: value for key, value in a_player().items() if key != "streamingData"}),
    ("no_length", a_player(a_format(249), lengthSeconds=None)),
    ("format_without_type", a_player(a_format(249, mimeType="audio"))),
    ("format_without_duration", a_player(a_format(249, approxDurationMs=None))),
    ("no_address", a_player(a_format(249, url=None))),
    ("sabr_only", a_sabr_player()),
    ("otf_only", a_player(a_format(249, type="FORMAT_STREAM_TYPE_OTF"))),
    ("drc_only", a_player(a_format(249, isDrc=True, xtags="CggKA2RyYxIBMQ"))),
]


@pytest.mark.parametrize("player", [case[1] for case in ABOUT_US], ids=[case[0] for case in ABOUT_US])
def test_what_is_about_us(youtube: LoopbackYouTube, source: AudioSource, player: dict[str, Any]) -> None:
    """The same video may play later, or for others: work pauses, and nothing is marked."""
    youtube.players[VIDEO] = player
    with pytest.raises(PassingFault):
        source.look(VIDEO)


@pytest.mark.parametrize(
    ("answer", "fault", "wait"),
    [
        (lambda: Reply(status=403), PassingFault, None),
        (lambda: Reply(status=400), PassingFault, None),
        (lambda: Reply(status=429, headers={"Retry-After": "120"}), PassingFault, 120.0),
        (lambda: Reply(status=503, headers={"Retry-After": "Fri, 20 Nov 2026 10:00:00 GMT"}), PassingFault, None),
        (lambda: Reply(b"<html>Sorry"), PassingFault, None),
        (lambda: Reply(b"\xff\xfe"), PassingFault, None),
        (lambda: Reply(b'{"a": 1}', announced=9_000), PassingFault, None),
        (lambda: as_json([]), PassingFault, None),
        (lambda: Reply(status=302, headers={"Location": "https://www.google.com/sorry/index"}), ServerGone, None),
        (lambda: Reply(status=302, headers={"Location": "http://www.youtube.com/plain"}), ServerGone, None),
        (lambda: Reply(status=302, headers={"Location": "file:///etc/passwd"}), PassingFault, None),
    ],
    ids=["403", "400", "429", "503", "html", "bytes", "cut", "list", "elsewhere", "unencrypted", "file"],
)
def test_an_answer_that_is_none(
    youtube: LoopbackYouTube,
    source: AudioSource,
    answer: Callable[[], Reply],
    fault: type[ServiceFault],
    wait: float | None,
) -> None:
    """It says nothing of the video; where it says how long to wait, the fault does too."""
    youtube.routes["player"] = lambda _: answer()
    with pytest.raises(fault) as raised:
        source.look(VIDEO)
    assert raised.value.retry_after == wait
    assert youtube.count("player") == 1


def test_a_server_that_is_silent(youtube: LoopbackYouTube) -> None:
    """It is waited for, but not for ever."""
    youtube.routes["player"] = lambda _: Reply(b"{}", pause=60)
    with pytest.raises(ServerGone):
        make_source(youtube, timeout_seconds=0.2).look(VIDEO)


def test_no_network() -> None:
    """Nobody listens."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
    source = PytubefixSource(AudioLimits(3_600, 10**9), handlers=[ToLoopback(port)], timeout_seconds=1)
    with pytest.raises(ServerGone):
        source.look(VIDEO)


def test_an_answer_that_never_ends_is_given_up(
    youtube: LoopbackYouTube, source: AudioSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte comes in time, all of them would take hours."""
    monkeypatch.setattr("transcriber.audio.youtube_network._WHOLE_SECONDS", 0.2)
    youtube.routes["player"] = lambda _: Reply(b" " * 1_000, pause_per_byte=0.01)
    with pytest.raises(ServerGone):
        source.look(VIDEO)


def test_an_answer_of_any_size_is_given_up(
    youtube: LoopbackYouTube, source: AudioSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It isn't taken into memory to see where it ends."""
    monkeypatch.setattr("transcriber.audio.youtube_network._WHOLE_BYTES", 100_000)
    youtube.routes["player"] = lambda _: Reply(b" " * 1_000_000)
    with pytest.raises(ServerGone):
        source.look(VIDEO)
