"""Videos: ids go in, each video as it is now, or its absence, is told in messages to `youtube_video`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.charts import VIDEO_PARTS
from ingest.id_run import IdSource, Lookup
from ingest.records import id_of, to_absence_message, to_video_message
from trendscript.charted import read_charted_videos
from trendscript.ids import VIDEO_ID

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ingest.youtube_api import YouTubeApi


def read_videos(api: YouTubeApi, ids: Sequence[str], captured_at: datetime) -> Lookup:
    """Ask for at most 50 videos in one request; one that isn't returned becomes an absence.

    An answer with an item that has no id declares nobody absent: the item could be any of them.
    Raises what `YouTubeApi.read_pages` raises.
    """
    items = api.read_items("videos", part=VIDEO_PARTS, id=",".join(ids))
    returned = {id_of(item) for item in items}
    missing = () if None in returned else tuple(video_id for video_id in ids if video_id not in returned)
    messages = [to_video_message(item, captured_at) for item in items]
    absences = [to_absence_message(video_id, captured_at) for video_id in missing]
    return Lookup((*messages, *absences), len(items), missing, tuple(items))


VIDEOS = IdSource("ingest videos", "youtube_video", VIDEO_ID, read_videos, read_charted_videos)
