"""Player answers that YouTube gave, through pytubefix: what it makes of the real shape, and a download of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.transcriber.youtube.players import a_file
from transcriber.audio.source import AudioFormat
from transcriber.faults import VideoFault

if TYPE_CHECKING:
    from tests.transcriber.youtube.loopback import LoopbackYouTube
    from transcriber.audio.source import AudioSource

SHARED = Path(__file__).parents[4] / "shared" / "data" / "captions"

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason=f"the recorded answers are not here: there is no {SHARED}")


def recorded(name: str) -> Any:
    """A player answer to an Android app."""
    return json.loads(next(SHARED.rglob(f"{name}.innertube.json.static")).read_bytes())


ANSWERS = {
    "youtube": (1_992_383, 316.061),
    "youtube_altered_user_agent": (1_992_383, 316.061),
    "youtube_ww1_nl_en": (9_381_425, 1509.021),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_recorded_answer_is_looked_at_and_fetched(
    youtube: LoopbackYouTube, source: AudioSource, tmp_path: Path, name: str
) -> None:
    """Each format stands there twice, once with its loudness evened out; what the player says is taken as it is."""
    player = recorded(name)
    size, seconds = ANSWERS[name]
    said = player["videoDetails"]
    youtube.players[said["videoId"]] = player
    youtube.files["249"] = a_file(249, size)
    look = source.look(said["videoId"])
    assert look.format == AudioFormat(249, "audio/webm", "opus", size, seconds, None)
    assert look.details is not None
    assert (look.details.title, look.details.author) == (said["title"], said["author"])
    assert look.details.length_seconds == int(said["lengthSeconds"])
    assert look.details.keywords == tuple(said["keywords"])
    assert source.fetch(look, tmp_path).read_bytes() == a_file(249, size)
    [asked, *_] = [each for each in youtube.asked if each.route == "media"]
    assert asked.host.endswith(".googlevideo.com")
    assert asked.query["sig"]


def test_a_recorded_answer_of_a_video_that_is_gone(youtube: LoopbackYouTube, source: AudioSource) -> None:
    """In YouTube's words."""
    youtube.players["aaaaaaaaaaa"] = recorded("youtube_video_unavailable")
    with pytest.raises(VideoFault, match="YouTube says: This video is unavailable") as fault:
        source.look("aaaaaaaaaaa")
    assert fault.value.reason == "unavailable"
