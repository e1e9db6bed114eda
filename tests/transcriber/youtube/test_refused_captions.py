"""Captions that can't be had: whose fault it is, by what YouTube's servers say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.transcriber.youtube.captioned import offer, read
from tests.transcriber.youtube.loopback import LoopbackYouTube, Reply, as_json
from tests.transcriber.youtube.players import VIDEO, a_refusal
from transcriber.captions import read_captions
from transcriber.faults import PassingFault, ServerGone, VideoFault

if TYPE_CHECKING:
    from collections.abc import Callable


ABOUT_THE_VIDEO = {
    "private": (a_refusal("LOGIN_REQUIRED", "This video is private"), "private"),
    "removed": (a_refusal("ERROR", "This video has been removed by the uploader"), "removed"),
    "gone": (a_refusal("ERROR", "This video is unavailable"), "unavailable"),
    "age": (a_refusal("LOGIN_REQUIRED", "This video may be inappropriate for some users."), "age_restricted"),
    "age_gate": (a_refusal("LOGIN_REQUIRED", "Sign in to confirm your age"), "age_restricted"),
    "members": (a_refusal("UNPLAYABLE", "Join this channel to get access to members-only content"), "members_only"),
    "later": (a_refusal("LIVE_STREAM_OFFLINE", "Premieres in 3 hours"), "live"),
    "region": (a_refusal("UNPLAYABLE", "Video unavailable"), "unavailable"),
}


@pytest.mark.parametrize("case", ABOUT_THE_VIDEO)
def test_what_is_about_the_video(youtube: LoopbackYouTube, case: str) -> None:
    """With the same reasons as for its audio."""
    youtube.players[VIDEO], reason = ABOUT_THE_VIDEO[case]
    with pytest.raises(VideoFault) as fault:
        read(youtube)
    assert fault.value.reason == reason


def test_the_second_line_of_a_refusal_counts(youtube: LoopbackYouTube) -> None:
    """It says more than the first."""
    player = a_refusal("UNPLAYABLE", "Video unavailable", "x")
    screen = player["playabilityStatus"]["errorScreen"]["playerErrorMessageRenderer"]
    screen["subreason"] = {"runs": [{"text": "It is not available in your country"}]}
    youtube.players[VIDEO] = player
    with pytest.raises(VideoFault) as fault:
        read(youtube)
    assert fault.value.reason == "region_blocked"


BOT_WALL = "Sign in to confirm you’re not a bot"  # noqa: RUF001  (the apostrophe that YouTube sends)
ABOUT_US: dict[str, tuple[str, Callable[[], Reply]]] = {
    "bot_wall": ("player", lambda: as_json(a_refusal("LOGIN_REQUIRED", BOT_WALL))),
    "bot_wall_longer": ("player", lambda: as_json(a_refusal("LOGIN_REQUIRED", BOT_WALL + ". Read more"))),
    "unclear": ("player", lambda: as_json(a_refusal("LOGIN_REQUIRED", "Please sign in"))),
    "player_429": ("player", lambda: Reply(status=429)),
    "player_403": ("player", lambda: Reply(status=403)),
    "player_500": ("player", lambda: Reply(status=500)),
    "player_html": ("player", lambda: Reply(b"<html>")),
    "player_empty": ("player", lambda: as_json({})),
    "player_list": ("player", lambda: as_json([])),
    "page_429": ("watch", lambda: Reply(status=429)),
    "page_captcha": ("watch", lambda: Reply(b'<form class="g-recaptcha">')),
    "page_without_key": ("watch", lambda: Reply(b"<html>")),
    "page_sorry": ("watch", lambda: Reply(status=302, headers={"Location": "https://www.google.com/sorry/index"})),
    "page_unencrypted": ("watch", lambda: Reply(status=302, headers={"Location": "http://www.youtube.com/watch"})),
    "page_consent": ("watch", lambda: Reply(b'<form action="https://consent.youtube.com/s">')),
    "captions_429": ("timedtext", lambda: Reply(status=429)),
    "captions_404": ("timedtext", lambda: Reply(status=404)),
    "captions_empty": ("timedtext", lambda: Reply(b"")),
    "captions_html": ("timedtext", lambda: Reply(b"<html><p>Sorry</html>")),
    "captions_other_shape": ("timedtext", lambda: Reply(b'<timedtext><body t="1">x</body></timedtext>')),
    "captions_bomb": (
        "timedtext",
        lambda: Reply(b'<!DOCTYPE a [<!ENTITY b "xx"><!ENTITY c "&b;&b;">]><transcript>&c;</transcript>'),
    ),
    "captions_no_time": ("timedtext", lambda: Reply(b'<transcript><text start="x">y</text></transcript>')),
}


@pytest.mark.parametrize("case", ABOUT_US)
def test_what_is_about_us(youtube: LoopbackYouTube, case: str) -> None:
    """Nothing is said of the video, so nothing is marked."""
    offer(youtube, "en")
    route, answer = ABOUT_US[case]
    youtube.routes[route] = lambda _: answer()
    with pytest.raises(PassingFault):
        read(youtube)


def test_captions_that_need_a_token(youtube: LoopbackYouTube) -> None:
    """Their address says so; they aren't asked for."""
    offer(youtube, "en")
    tracks = youtube.players[VIDEO]["captions"]["playerCaptionsTracklistRenderer"]["captionTracks"]
    tracks[0]["baseUrl"] += "&exp=xpe"
    with pytest.raises(PassingFault):
        read(youtube)
    assert youtube.count("timedtext") == 0


@pytest.mark.parametrize(
    "address", ["https://evil.example/api/timedtext?lang=en", "http://127.0.0.1/", "file:///etc/passwd"]
)
def test_captions_are_read_from_youtube_only(youtube: LoopbackYouTube, address: str) -> None:
    """Wherever an answer leads."""
    offer(youtube, "en")
    tracks = youtube.players[VIDEO]["captions"]["playerCaptionsTracklistRenderer"]["captionTracks"]
    tracks[0]["baseUrl"] = address
    with pytest.raises(PassingFault):
        read(youtube)
    assert youtube.count("timedtext") == 0


@pytest.mark.parametrize("route", ["watch", "player", "timedtext"])
def test_a_server_that_is_silent(youtube: LoopbackYouTube, route: str) -> None:
    """It is waited for, but not for ever."""
    offer(youtube, "en")
    youtube.routes[route] = lambda _: Reply(b"{}", pause=60)
    with pytest.raises(ServerGone):
        read_captions(VIDEO, adapter=youtube.adapter(), timeout_seconds=1)
