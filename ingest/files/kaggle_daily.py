"""The daily layout (`country`, `fetched_at`, `duration_raw`): cells go in, a videos resource comes out.

What its publisher got wrong is left to the row: `duration` drops the days (`duration_raw` does
not), `embeddable`, `made_for_kids` and `is_live` are False for every video, and tags are joined by
", ", which can't be split with certainty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingest.files.layout import ID_FORM, TIME_FORM, Cells, Layout, time_column
from ingest.files.values import parse_count, parse_flag, parse_instant, parse_video_id, to_time_text
from ingest.files.video import present, to_statistics, to_thumbnails

if TYPE_CHECKING:
    from datetime import datetime

    from ingest.files.entries import Given

_CAPTION = {True: "true", False: "false", None: None}


def _to_item(cells: Cells, captured_at: datetime, given: Given) -> dict[str, Any]:
    del captured_at
    thumbnail = cells.get("thumbnail", "")
    return present(
        id=parse_video_id(cells["video_id"], thumbnail),
        snippet=present(
            publishedAt=to_time_text(cells.get("published_at", ""), given.time_zone),
            channelId=cells.get("channel_id"),
            title=cells.get("title"),
            channelTitle=cells.get("channel_title"),
            categoryId=parse_count(cells.get("category_id", "")),
            thumbnails=to_thumbnails(thumbnail),
            defaultLanguage=cells.get("default_language"),
            defaultAudioLanguage=cells.get("audio_language"),
        ),
        contentDetails=present(
            duration=cells["duration_raw"],
            definition=cells.get("definition"),
            caption=_CAPTION[parse_flag(cells.get("caption_available", ""))],
            licensedContent=parse_flag(cells.get("licensed_content", "")),
        ),
        statistics=to_statistics(
            views=cells.get("views", ""), likes=cells.get("likes", ""), comments=cells.get("comments", "")
        ),
    )


LAYOUT = Layout(
    name="kaggle_daily",
    columns=(
        "video_id", "country", "fetched_at", "published_at", "title", "localized_title", "channel_title", "channel_id",
        "category_id", "category_name", "tags", "tag_count", "thumbnail", "default_language", "audio_language",
        "is_live", "duration", "duration_raw", "definition", "caption_available", "licensed_content", "embeddable",
        "made_for_kids", "views", "likes", "comments",
    ),
    signature=frozenset({"video_id", "country", "fetched_at", "duration_raw"}),
    forms={"video_id": ID_FORM, "fetched_at": TIME_FORM, "published_at": TIME_FORM},
    read_time=time_column("fetched_at", parse_instant),
    to_item=_to_item,
)  # fmt: skip
