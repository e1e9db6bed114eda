"""What the warehouse knows of audio: ids go in; lengths and the speed of past work come out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trendscript.speech_tables import read_rows

if TYPE_CHECKING:
    from collections.abc import Collection

# A broadcast that has not ended has a length of 0.
_LENGTHS = """
    select
        video.video_id,
        coalesce(
            audio_format.duration_seconds, nullif(player_details.duration_seconds, 0), nullif(video.duration_seconds, 0)
        )
    from processed.video
    left join processed.audio_format using (video_id)
    left join processed.player_details using (video_id)
    where video.video_id = any(%(videos)s)
"""
_SPEED = """
    select sum(duration_seconds) / nullif(sum(processing_seconds), 0)
    from processed.transcription
    where
        status = 'transcribed'
        and backend = %(backend)s
        and model = %(model)s
        and duration_seconds is not null
        and processing_seconds is not null
"""


def read_lengths(dsn: str, video_ids: Collection[str]) -> dict[str, float]:
    """Lengths of videos in seconds: of their audio where it was looked at, else of the video.

    Videos of a length that is not known are left out. Raises what `trendscript.speech_tables.read_rows` raises.
    """
    rows = read_rows(dsn, _LENGTHS, {"videos": list(video_ids)})
    return {video_id: float(seconds) for video_id, seconds in rows if seconds is not None}


def read_speed(dsn: str, *, backend: str, model: str) -> float | None:
    """Seconds of audio that a model took in a second, over all its transcriptions; None before there is one.

    Raises what `read_rows` raises.
    """
    ((speed,),) = read_rows(dsn, _SPEED, {"backend": backend, "model": model})
    return None if speed is None else float(speed)
