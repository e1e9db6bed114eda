"""The layout of 2018-11 and 2020 (Kaggle `rsrishav/youtube-trending-video-dataset`): cells in, videos resource out.

The scraper's first files, of November 2018, have the same columns with `trending_date` as yy.dd.mm.
Tags are joined by a bare `|`, which tags themselves contain, so they can't be split with certainty
and are left to the row.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ingest.files.layout import CHANNEL_FORM, DAY_FORM, ID_FORM, TIME_FORM, Cells, Layout, time_column
from ingest.files.values import parse_chart_day, parse_count, parse_video_id, to_time_text
from ingest.files.video import is_public, present, to_statistics, to_thumbnails

if TYPE_CHECKING:
    from ingest.files.entries import Given

DISLIKES_HIDDEN_FROM = datetime(2021, 12, 13, tzinfo=UTC)
"""From this day the API gave dislikes to a video's owner only (revision history), and the publisher wrote 0."""


def _to_item(cells: Cells, captured_at: datetime, given: Given) -> dict[str, Any]:
    ratings_public = is_public(cells.get("ratings_disabled", ""))
    thumbnail = cells.get("thumbnail_link", "")
    return present(
        id=parse_video_id(cells["video_id"], thumbnail),
        snippet=present(
            publishedAt=to_time_text(cells["publishedAt"], given.time_zone),
            channelId=cells["channelId"],
            title=cells.get("title"),
            description=cells.get("description"),
            channelTitle=cells.get("channelTitle"),
            categoryId=parse_count(cells.get("categoryId", "")),
            thumbnails=to_thumbnails(thumbnail),
        ),
        statistics=to_statistics(
            views=cells.get("view_count", ""),
            likes=cells.get("likes", ""),
            likes_public=ratings_public,
            dislikes=cells.get("dislikes", ""),
            dislikes_public=ratings_public and captured_at < DISLIKES_HIDDEN_FROM,
            comments=cells.get("comment_count", ""),
            comments_public=is_public(cells.get("comments_disabled", "")),
        ),
    )


LAYOUT = Layout(
    name="kaggle_2020",
    columns=(
        "video_id", "title", "publishedAt", "channelId", "channelTitle", "categoryId", "trending_date", "tags",
        "view_count", "likes", "dislikes", "comment_count", "thumbnail_link", "comments_disabled", "ratings_disabled",
        "description",
    ),
    signature=frozenset({"video_id", "publishedAt", "channelId", "trending_date"}),
    forms={"video_id": ID_FORM, "publishedAt": TIME_FORM, "channelId": CHANNEL_FORM, "trending_date": DAY_FORM},
    read_time=time_column("trending_date", parse_chart_day),
    to_item=_to_item,
)  # fmt: skip
