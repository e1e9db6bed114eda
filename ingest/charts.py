"""Charts: a region and category go in, one whole reading of YouTube's most popular videos comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.records import Chart, Reading, keep_first_of_each, to_chart_messages
from ingest.region_run import RegionReading, RegionSource

if TYPE_CHECKING:
    from datetime import datetime

    from ingest.youtube_api import YouTubeApi

# Every part a key may read and that says something of the video; a request costs one unit however many it names.
VIDEO_PARTS = (
    "contentDetails,id,liveStreamingDetails,localizations,paidProductPlacementDetails,"
    "recordingDetails,snippet,statistics,status,topicDetails"
)
_MOST_A_PAGE = 50


def read_chart(api: YouTubeApi, chart: Chart, captured_at: datetime) -> Reading:
    """Fetch one whole chart, all its pages.

    Nothing is returned of a chart that could not be read to its end: half a chart would look like one
    that half the videos have left. Raises what `YouTubeApi.read_pages` raises.
    """
    parameters: dict[str, str | int] = {
        "part": VIDEO_PARTS,
        "chart": "mostPopular",
        "regionCode": chart.region_code,
        "maxResults": _MOST_A_PAGE,
    }
    if chart.category_id != "0":
        parameters["videoCategoryId"] = chart.category_id
    items, duplicates = keep_first_of_each(api.read_items("videos", **parameters))
    return Reading(chart, captured_at, tuple(items), duplicates)


def _read_messages(api: YouTubeApi, chart: Chart, captured_at: datetime) -> RegionReading:
    reading = read_chart(api, chart, captured_at)
    return RegionReading(
        tuple(to_chart_messages(reading)), len(reading.items), captured_at, reading.duplicates, reading.items
    )


CHARTS = RegionSource("ingest charts", "youtube_trending", _read_messages)
