"""Made-up charts: a region and a day go in; items with the shape of the YouTube API come out, in the chart's order."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from trendscript.demo.videos import CATEGORIES, DAYS, FIRST_READING, REGIONS, Video, make_videos

CHART_SIZE = 60
"""More than one page of the API holds."""

BROKEN = ("DE", 6, 44)
"""Region, day and rank of the one entry whose view count is no number."""

_VIEWS_CHANGED = datetime(2026, 8, 24, 7, tzinfo=UTC)
_MORE_VIEWS = 1.7  # what counting from the start of playback adds, in this made-up world
_LIKES, _COMMENTS = 0.04, 0.003  # a view


def make_chart(region: str, day: int) -> list[dict[str, Any]]:
    """The chart of a region on a day (0 is the first), its counts as they stand on that day."""
    items = [to_item(video, day) for video in _order(region, day)]
    broken_region, broken_day, broken_rank = BROKEN
    if (region, day) == (broken_region, broken_day):
        items[broken_rank - 1]["statistics"]["viewCount"] = "1.2 million"
    return items


def reading_time(day: int) -> datetime:
    """When the charts of a day are read: at noon, UTC."""
    return FIRST_READING + timedelta(days=day)


def readings() -> list[tuple[str, datetime]]:
    """Region and time of every reading of the demo."""
    return [(region, reading_time(day)) for day in range(DAYS) for region in REGIONS]


def make_categories() -> list[dict[str, Any]]:
    """The video categories, the same in each region."""
    return [
        {"kind": "youtube#videoCategory", "id": number, "snippet": {"title": title, "assignable": True}}
        for number, title in CATEGORIES.items()
    ]


def video_ids() -> list[str]:
    """Ids of all videos that can be in a chart of the demo."""
    return [video.video_id for video in _videos()]


@cache
def _videos() -> tuple[Video, ...]:
    return make_videos()


def _order(region: str, day: int) -> list[Video]:
    """Videos by what they gained, with those that have a place of their own put there."""
    placed = {video.ranks[region][day]: video for video in _videos() if day in video.ranks.get(region, {})}
    gaining = [video for video in _videos() if _gain(video, region, day) > 0]
    chart = sorted(gaining, key=lambda video: (-_gain(video, region, day), video.video_id))
    for rank in sorted(placed):
        chart.insert(rank - 1, placed[rank])
    return chart[:CHART_SIZE]


def _gain(video: Video, region: str, day: int) -> float:
    """How fast the video gains views in a region; 0 where it isn't liked or isn't out yet."""
    if region in video.ranks or reading_time(day) <= video.published_at:
        return 0.0
    risen = _risen(video, day)
    return video.taste.get(region, 0.0) * video.reach * risen * (1 - risen) / video.width


def _risen(video: Video, day: float) -> float:
    """The share of all its views that the video has by a day: an S-shaped curve, steepest at its peak."""
    return 1 / (1 + math.exp((video.peak - day) / video.width))


def _views(video: Video, day: int) -> int:
    changed = (_VIEWS_CHANGED - FIRST_READING) / timedelta(days=1)
    before = _risen(video, min(day, changed))
    since = _risen(video, day) - before
    return round(4 * video.reach * (before + _MORE_VIEWS * since))


def to_item(video: Video, day: int) -> dict[str, Any]:
    """A `videos` resource with the parts that a chart asks for."""
    views = _views(video, day)
    likes = {} if video.likes_hidden else {"likeCount": str(round(views * _LIKES))}
    return {
        "kind": "youtube#video",
        "etag": f"{video.video_id}-{day}",
        "id": video.video_id,
        "snippet": {
            "publishedAt": video.published_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "channelId": video.channel_id,
            "title": video.title,
            "description": "Made up for the demo of Trendscript.",
            "thumbnails": {"default": {"url": f"https://i.ytimg.com/vi/{video.video_id}/default.jpg"}},
            "channelTitle": video.channel_title,
            "categoryId": video.category_id,
            "liveBroadcastContent": "none",
        },
        "contentDetails": {
            "duration": f"PT{video.seconds // 60}M{video.seconds % 60}S",
            "dimension": "2d",
            "definition": "hd",
            "caption": "false",
            "licensedContent": True,
            "contentRating": {},
            "projection": "rectangular",
        },
        "status": {
            "uploadStatus": "processed",
            "privacyStatus": "public",
            "license": "youtube",
            "embeddable": True,
            "publicStatsViewable": not video.likes_hidden,
            "madeForKids": False,
        },
        "statistics": {
            "viewCount": str(views),
            **likes,
            "favoriteCount": "0",
            "commentCount": str(round(views * _COMMENTS)),
        },
    }
