"""What is said in three of the demo's videos: nothing goes in, audio files named by their videos' ids come out.

The clips were spoken by espeak-ng (voices en-us and en-gb, 150 words a minute) and packed as Opus at 16 kbit/s.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from trendscript.demo.videos import make_videos

if TYPE_CHECKING:
    from pathlib import Path

SPOKEN = {
    "lanterns": (
        "We wrote this song in one night by the harbour. When the slow tide came in, we sent paper lanterns out to sea."
    ),
    "robots": (
        "Welcome back. This is the level that nobody finishes. The last bridge is broken, so we have to jump across "
        "the river before the clock runs out."
    ),
    "trailer": (
        "My father drew every coast of this country. But one island is missing from the map. Tonight, I am going to "
        "find it."
    ),
}
"""The words of each clip; a model hears most of them."""

PHRASE = "before the clock runs out"
"""What the demo searches for."""

SAID_BY_OTHERS = '"slow tide"'
"""What it proposes to search for next."""


def spoken_videos() -> dict[str, str]:
    """Clip by the id of the video it is the sound of: those with a story, in their order."""
    return {video.video_id: clip for video, clip in zip(make_videos(), SPOKEN, strict=False)}


def place_clips(folder: Path) -> list[str]:
    """Write the clips into a folder, each named by its video's id, and return the ids."""
    folder.mkdir(parents=True, exist_ok=True)
    clips = resources.files("trendscript.demo") / "clips"
    for video_id, clip in spoken_videos().items():
        (folder / f"{video_id}.ogg").write_bytes((clips / f"{clip}.ogg").read_bytes())
    return list(spoken_videos())
