"""Categories: a region goes in, its video categories come out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.records import Chart, to_category_message
from ingest.region_run import RegionReading, RegionSource

if TYPE_CHECKING:
    from datetime import datetime

    from ingest.youtube_api import YouTubeApi


def read_categories(api: YouTubeApi, chart: Chart, captured_at: datetime) -> RegionReading:
    """One message a category of the chart's region. Raises what `YouTubeApi.read_pages` raises."""
    items = api.read_items("videoCategories", part="id,snippet", regionCode=chart.region_code)
    messages = tuple(to_category_message(item, chart.region_code, captured_at) for item in items)
    return RegionReading(messages, len(items), captured_at)


CATEGORIES = RegionSource("ingest categories", "youtube_category", read_categories)
