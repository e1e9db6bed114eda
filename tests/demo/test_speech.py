"""The demo's clips: which videos have one, and that a folder of them is what a source of audio expects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transcriber.audio.decode import AudioLimits
from transcriber.audio.folder import FolderSource
from trendscript.demo.speech import SPOKEN, place_clips, spoken_videos
from trendscript.demo.videos import make_videos

if TYPE_CHECKING:
    from pathlib import Path


def test_clips_belong_to_the_videos_with_a_story() -> None:
    """A clip and its video are about the same thing: chart and speech tell one story."""
    titles = {video.video_id: video.title for video in make_videos()}
    found = {clip: titles[video_id] for video_id, clip in spoken_videos().items()}
    assert found.keys() == SPOKEN.keys()
    assert "Lanterns" in found["lanterns"]
    assert "Robots" in found["robots"]
    assert "Trailer" in found["trailer"]


def test_placed_clips_are_found_by_the_folder_source(tmp_path: Path) -> None:
    """Each is as long as its video says, to the second."""
    lengths = {video.video_id: video.seconds for video in make_videos()}
    source = FolderSource(tmp_path, AudioLimits(max_seconds=60, max_bytes=1_000_000))
    for video_id in place_clips(tmp_path):
        seconds = source.look(video_id).format.duration_seconds
        assert seconds is not None
        assert int(seconds) == lengths[video_id]
