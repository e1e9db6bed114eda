"""The 2017 layout (Kaggle `datasnaek/youtube-new`): cells go in, a videos resource comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingest.files.layout import DAY_FORM, ID_FORM, NUMBER_FORM, TIME_FORM, Cells, Layout, time_column
from ingest.files.values import parse_chart_day, parse_count, parse_video_id, to_time_text
from ingest.files.video import is_public, present, split_quoted_tags, to_statistics, to_thumbnails

if TYPE_CHECKING:
    from datetime import datetime

    from ingest.files.entries import Given


def _to_item(cells: Cells, captured_at: datetime, given: Given) -> dict[str, Any]:
    del captured_at
    ratings_public = is_public(cells.get("ratings_disabled", ""))
    thumbnail = cells.get("thumbnail_link", "")
    return present(
        id=parse_video_id(cells["video_id"], thumbnail),
        snippet=present(
            publishedAt=to_time_text(cells.get("publish_time", ""), given.time_zone),
            title=cells.get("title"),
            description=cells.get("description"),
            channelTitle=cells.get("channel_title"),
            categoryId=parse_count(cells.get("category_id", "")),
            tags=split_quoted_tags(cells.get("tags", "")),
            thumbnails=to_thumbnails(thumbnail),
        ),
        statistics=to_statistics(
            views=cells.get("views", ""),
            likes=cells.get("likes", ""),
            likes_public=ratings_public,
            dislikes=cells.get("dislikes", ""),
            dislikes_public=ratings_public,
            comments=cells.get("comment_count", ""),
            comments_public=is_public(cells.get("comments_disabled", "")),
        ),
    )


LAYOUT = Layout(
    name="kaggle_2017",
    columns=(
        "video_id", "trending_date", "title", "channel_title", "category_id", "publish_time", "tags", "views", "likes",
        "dislikes", "comment_count", "thumbnail_link", "comments_disabled", "ratings_disabled",
        "video_error_or_removed", "description",
    ),
    signature=frozenset({"video_id", "trending_date", "channel_title", "views"}),
    forms={"video_id": ID_FORM, "trending_date": DAY_FORM, "category_id": NUMBER_FORM, "publish_time": TIME_FORM},
    read_time=time_column("trending_date", parse_chart_day),
    to_item=_to_item,
)  # fmt: skip
