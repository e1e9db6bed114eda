"""A look at a video: what it shows, and what is about the video and what about us where it shows nothing."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.transcriber.youtube.conftest import make_source
from tests.transcriber.youtube.loopback import Asked, Reply
from tests.transcriber.youtube.players import VIDEO, a_format, a_page, a_player
from transcriber.audio.source import AudioFormat, AudioSource, Look, VideoDetails
from transcriber.faults import VideoFault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.transcriber.youtube.loopback import LoopbackYouTube


def test_a_look_shows_the_format_and_what_the_player_says(source: AudioSource) -> None:
    """The smallest format that lacks nothing of speech; the publish date, which has an offset, in UTC."""
    assert source.look(VIDEO) == Look(
        VIDEO,
        AudioFormat(249, "audio/webm", "opus", 50_000, 61.041, None),
        VideoDetails(
            title="A walk along the tide (aaaaaaaaaaa)",
            author="Paper Lanterns",
            channel_id="UCaaaaaaaaaaaaaaaaaaaaaa",
            length_seconds=61,
            published_at=datetime(2026, 8, 16, 17, tzinfo=UTC),
            keywords=("tide", "walk"),
        ),
    )


def test_what_the_player_does_not_say_is_none(youtube: LoopbackYouTube, source: AudioSource) -> None:
    """No author is not the author "unknown"; no key words are not an empty list; a page may lack the date."""
    youtube.players[VIDEO] = a_player(a_format(249), author=None, keywords=None, channelId=None)
    youtube.pages[VIDEO] = a_page(None)
    details = source.look(VIDEO).details
    assert details == VideoDetails(title=f"A walk along the tide ({VIDEO})", length_seconds=61)


def test_a_channel_may_be_called_unknown(youtube: LoopbackYouTube, source: AudioSource) -> None:
    """Then that is its name."""
    youtube.players[VIDEO] = a_player(a_format(249), author="unknown")
    details = source.look(VIDEO).details
    assert details is not None
    assert details.author == "unknown"


@pytest.mark.parametrize("status", [404, 429, 500])
def test_a_page_that_cannot_be_had_costs_the_date_only(
    youtube: LoopbackYouTube, source: AudioSource, status: int
) -> None:
    """The audio is there all the same."""
    youtube.routes["watch"] = lambda _: Reply(status=status)
    look = source.look(VIDEO)
    assert look.format.bytes == 50_000
    assert look.details is not None
    assert look.details.published_at is None


@pytest.mark.parametrize("video_id", ["--exec", "../../../etc", "https://youtu.be/aaaaaaaaaaa", "aaaaaaaaaaa\n", ""])
def test_what_is_no_id_is_never_asked_for(youtube: LoopbackYouTube, source: AudioSource, video_id: str) -> None:
    """An address is no id either: none from outside is ever opened."""
    with pytest.raises(VideoFault) as fault:
        source.look(video_id)
    assert fault.value.reason == "unavailable"
    assert youtube.asked == []


@pytest.mark.parametrize(
    ("limits", "reason"),
    [({"max_seconds": 60}, "too_long"), ({"max_bytes": 49_999}, "too_large")],
    ids=["too_long", "too_large"],
)
def test_past_the_limits(youtube: LoopbackYouTube, limits: dict[str, Any], reason: str) -> None:
    """Refused before anything is downloaded."""
    with pytest.raises(VideoFault) as fault:
        make_source(youtube, **limits).look(VIDEO)
    assert fault.value.reason == reason
    assert youtube.count("media") == 0


def test_just_within_the_limits(youtube: LoopbackYouTube) -> None:
    """They are allowed."""
    assert make_source(youtube, max_seconds=61.041, max_bytes=50_000).look(VIDEO).format.itag == 249


@pytest.fixture
def eager_threads() -> Iterator[None]:
    """Threads take turns far more often, so that what may go wrong between two of them does."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("eager_threads")
def test_looks_at_the_same_time_do_not_mix_videos(youtube: LoopbackYouTube, source: AudioSource) -> None:
    """Though pytubefix keeps one request body for the whole process, each video gets what is said of it."""
    names = [f"{number:011d}" for number in range(64)]
    for name in names:
        youtube.players[name] = a_player(a_format(249), video_id=name)

    def look(name: str) -> str | None:
        details = source.look(name).details
        return details.title if details else None

    with ThreadPoolExecutor(8) as pool:
        titles = list(pool.map(look, names))
    assert titles == [f"A walk along the tide ({name})" for name in names]


def test_nothing_is_asked_without_need(youtube: LoopbackYouTube, source: AudioSource) -> None:
    """A visitor, the player and the page: each more makes a bot wall likelier."""
    source.look(VIDEO)
    assert [(asked.route, asked.host) for asked in youtube.asked] == [
        ("player", "www.youtube.com"),
        ("player", "www.youtube.com"),
        ("watch", "youtube.com"),
    ]


def test_the_whole_way_is_the_libraries_own(youtube: LoopbackYouTube, source: AudioSource) -> None:
    """The app that pytubefix says it is, is asked about the video; a change of its default shows here."""
    clients: list[str] = []

    def player(asked: Asked) -> Reply:
        clients.append(asked.client)
        return youtube.player(asked)

    youtube.routes["player"] = player
    source.look(VIDEO)
    assert clients == ["WEB", "VISIONOS"]
