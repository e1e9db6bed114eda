"""Channels: ids go in, each channel as it is now is told in messages to `youtube_channel`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.id_run import IdSource, Lookup
from ingest.records import id_of, to_channel_message
from trendscript.charted import read_charted_channels
from trendscript.ids import CHANNEL_ID

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ingest.youtube_api import YouTubeApi

CHANNEL_PARTS = "brandingSettings,contentDetails,id,localizations,snippet,statistics,status,topicDetails"


def read_channels(api: YouTubeApi, ids: Sequence[str], captured_at: datetime) -> Lookup:
    """Ask for at most 50 channels in one request; one that isn't returned is named and gets no message.

    Raises what `YouTubeApi.read_pages` raises.
    """
    # Unlike videos.list, channels.list gives 5 of the ids asked for where maxResults is left out.
    items = api.read_items("channels", part=CHANNEL_PARTS, id=",".join(ids), maxResults=len(ids))
    returned = {id_of(item) for item in items}
    missing = tuple(channel_id for channel_id in ids if channel_id not in returned)
    return Lookup(tuple(to_channel_message(item, captured_at) for item in items), len(items), missing)


CHANNELS = IdSource("ingest channels", "youtube_channel", CHANNEL_ID, read_channels, read_charted_channels)
