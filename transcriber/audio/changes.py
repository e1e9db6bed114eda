"""Changed audio: a look at a video goes in; whether it shows other audio than the newest loaded one comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trendscript.speech_tables import read_rows

if TYPE_CHECKING:
    from collections.abc import Collection

    from transcriber.audio.source import AudioFormat

_FORMATS = "select video_id, itag, bytes from processed.audio_format where video_id = any(%(videos)s)"


@dataclass(frozen=True, slots=True)
class HeldFormat:
    """The audio of a video as the newest look that was loaded showed it; None is what it did not show."""

    itag: int | None
    bytes: int | None


def read_formats(dsn: str, video_ids: Collection[str]) -> dict[str, HeldFormat]:
    """The audio of the videos that have been looked at before. Raises what `read_rows` raises."""
    rows = read_rows(dsn, _FORMATS, {"videos": list(video_ids)})
    return {video_id: HeldFormat(itag, size) for video_id, itag, size in rows}


def is_changed(held: HeldFormat, seen: AudioFormat) -> bool:
    """Whether a look shows another format or file size than the one before. What either did not show tells nothing."""
    pairs = ((held.itag, seen.itag), (held.bytes, seen.bytes))
    return any(old is not None and new is not None and old != new for old, new in pairs)
