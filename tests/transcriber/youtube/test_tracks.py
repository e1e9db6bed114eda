"""Which stream of a video is taken: the original sound, plainly to be had, the smallest that lacks nothing."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from tests.transcriber.youtube.loopback import Reply
from tests.transcriber.youtube.players import VIDEO, a_format, a_player, a_track
from transcriber.faults import PassingFault, VideoFault

if TYPE_CHECKING:
    from tests.transcriber.youtube.loopback import LoopbackYouTube
    from transcriber.audio.source import AudioSource

ENGLISH = a_track("English original", "en.4")
GERMAN = a_track("German", "de-DE.3", default=True)


def look_at(youtube: LoopbackYouTube, source: AudioSource, *formats: dict[str, Any]) -> tuple[int | None, str | None]:
    """Format and language of what would be downloaded."""
    youtube.players[VIDEO] = a_player(*formats)
    found = source.look(VIDEO).format
    return found.itag, found.language


@pytest.mark.parametrize(
    ("itags", "taken"),
    [
        ((139, 140, 249, 250, 251), 249),
        ((139, 140, 250, 251), 250),
        ((139, 140, 251), 251),
        ((139, 140), 140),
        ((139, 141), 141),
        ((139,), 139),
        ((18, 139), 139),
    ],
    ids=lambda value: "_".join(map(str, value)) if isinstance(value, tuple) else None,
)
def test_the_smallest_that_lacks_nothing_of_speech(
    youtube: LoopbackYouTube, source: AudioSource, itags: tuple[int, ...], taken: int
) -> None:
    """Whatever order they come in."""
    formats = [a_format(itag) for itag in itags]
    random.Random(1).shuffle(formats)  # noqa: S311  (an order, no secret)
    assert look_at(youtube, source, *formats) == (taken, None)


def test_the_original_is_taken_where_there_is_a_dub(youtube: LoopbackYouTube, source: AudioSource) -> None:
    """Both have the same formats; YouTube calls the dub the default where it takes us for Germans."""
    formats = [a_format(itag, audioTrack=track) for track in (ENGLISH, GERMAN) for itag in (140, 249)]
    assert look_at(youtube, source, *formats) == (249, "en")
    assert look_at(youtube, source, *reversed(formats)) == (249, "en")


def test_the_original_is_taken_even_in_a_lesser_format(youtube: LoopbackYouTube, source: AudioSource) -> None:
    """Words come before sound."""
    formats = [a_format(139, audioTrack=ENGLISH), a_format(249, audioTrack=GERMAN)]
    assert look_at(youtube, source, *formats) == (139, "en")


def test_the_address_tells_the_original_too(youtube: LoopbackYouTube, source: AudioSource) -> None:
    """Where the name of the track does not say so."""
    formats = [
        a_format(249, audioTrack=a_track("English", "en-US.4"), tags="acont%3Doriginal%3Alang%3Den-US"),
        a_format(249, audioTrack=GERMAN, tags="acont%3Ddubbed-auto%3Alang%3Dde-DE"),
    ]
    assert look_at(youtube, source, *formats) == (249, "en-US")


def test_a_dub_that_calls_itself_original_is_none(youtube: LoopbackYouTube, source: AudioSource) -> None:
    """What the address says counts more than a name that somebody chose."""
    formats = [
        a_format(249, audioTrack=a_track("The original German", "de.3"), tags="acont%3Ddubbed%3Alang%3Dde"),
        a_format(249, audioTrack=a_track("English original", "en.4"), tags="lang%3Den%3Aacont%3Doriginal"),
    ]
    assert look_at(youtube, source, *formats) == (249, "en")


def test_the_default_is_taken_where_none_is_called_original(youtube: LoopbackYouTube, source: AudioSource) -> None:
    """So it is for tracks that an owner uploaded."""
    formats = [
        a_format(249, audioTrack=a_track("Hindi", "hi.1", default=True)),
        a_format(249, audioTrack=a_track("Tamil", "ta.1")),
    ]
    assert look_at(youtube, source, *formats) == (249, "hi")


def test_only_dubs(youtube: LoopbackYouTube, source: AudioSource) -> None:
    """The default may be a dub as well; none of them is what was said."""
    tags = "acont%3Ddubbed-auto%3Alang%3D"
    youtube.players[VIDEO] = a_player(
        a_format(249, audioTrack=GERMAN, tags=tags + "de-DE"),
        a_format(249, audioTrack=a_track("French", "fr.10"), tags=tags + "fr"),
    )
    with pytest.raises(VideoFault) as fault:
        source.look(VIDEO)
    assert fault.value.reason == "no_original_audio"
    assert "de-DE, fr" in fault.value.detail


def test_one_track_that_is_a_dub(youtube: LoopbackYouTube, source: AudioSource) -> None:
    """YouTube gives some apps just the dub; it is no original for being alone."""
    youtube.players[VIDEO] = a_player(a_format(249, audioTrack=a_track("German", "de-DE.3")))
    with pytest.raises(VideoFault) as fault:
        source.look(VIDEO)
    assert fault.value.reason == "no_original_audio"


def test_a_track_without_a_name_beside_dubs_is_the_original(youtube: LoopbackYouTube, source: AudioSource) -> None:
    """Dubs always have one."""
    assert look_at(youtube, source, a_format(249, audioTrack=GERMAN), a_format(140)) == (140, None)


def test_a_description_for_the_blind_is_not_the_original(youtube: LoopbackYouTube, source: AudioSource) -> None:
    """Half of it is said by somebody else."""
    formats = [
        a_format(249, audioTrack=a_track("English descriptive", "en.2", default=True), tags="acont%3Ddescriptive"),
        a_format(251, audioTrack=ENGLISH),
    ]
    assert look_at(youtube, source, *formats) == (251, "en")


@pytest.mark.parametrize(
    "processed",
    [{"isDrc": True}, {"xtags": "CggKA2RyYxIBMQ"}, {"xtags": "CgcKAnZiEgEx"}],
    ids=["drc", "drc_by_tag", "voice_boost"],
)
def test_sound_that_was_processed_is_left(
    youtube: LoopbackYouTube, source: AudioSource, processed: dict[str, Any]
) -> None:
    """It has the same format number as the sound it was made from, and other bytes."""
    youtube.players[VIDEO] = a_player(
        a_format(249, size=1, **processed), a_format(249), a_format(249, size=1, **processed)
    )
    assert source.look(VIDEO).format.bytes == 50_000


def test_what_cannot_be_downloaded_plainly_is_left(youtube: LoopbackYouTube, source: AudioSource) -> None:
    """Streams in segments, and those by a protocol of YouTube's own."""
    player = a_player(a_format(249, type="FORMAT_STREAM_TYPE_OTF"), a_format(250, url=None), a_format(140))
    player["streamingData"]["serverAbrStreamingUrl"] = "https://rr4.googlevideo.com/videoplayback?sabr=1"
    youtube.players[VIDEO] = player
    assert source.look(VIDEO).format.itag == 140


def test_sound_with_its_picture_is_taken_where_there_is_no_other(youtube: LoopbackYouTube, source: AudioSource) -> None:
    """YouTube announces no size of it in the answer, so its server is asked; it is never dubbed."""
    youtube.routes["media"] = lambda _: Reply(b"x" * 7)
    youtube.players[VIDEO] = a_player(a_format(137), a_format(18, size=None))
    found = source.look(VIDEO).format
    assert (found.itag, found.mime_type, found.codec, found.bytes) == (18, "video/mp4", "mp4a.40.2", 7)


def test_no_size_to_be_had(youtube: LoopbackYouTube, source: AudioSource) -> None:
    """Without it nobody could tell a whole file from a part."""
    youtube.routes["media"] = lambda _: Reply(status=403)
    youtube.players[VIDEO] = a_player(a_format(249, size=None))
    with pytest.raises(PassingFault):
        source.look(VIDEO)
