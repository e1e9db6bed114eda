"""The layout of `datennerd/yt-trends-mining` (`sequence`, `today`, `videoIds`): cells in, videos resource out.

Lists stand as Python wrote them (`['a', 'b']`), which reads back with certainty.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from ingest.files.layout import ID_FORM, NUMBER_FORM, TIME_FORM, Cells, Layout, time_column
from ingest.files.values import parse_count, parse_instant, parse_video_id, to_time_text
from ingest.files.video import present, to_statistics, to_thumbnails

if TYPE_CHECKING:
    from datetime import datetime

    from ingest.files.entries import Given

_LONGEST_LITERAL = 20_000


def parse_literal(text: str) -> object | None:
    """A list or dict as Python wrote it; None for anything else."""
    if text[:1] not in ("[", "{") or len(text) > _LONGEST_LITERAL:
        return None
    try:
        value: object = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    return value


def _parse_texts(text: str) -> list[str] | None:
    value = parse_literal(text)
    if isinstance(value, list) and value and all(isinstance(part, str) for part in value):
        return value
    return None


def _parse_restriction(text: str) -> dict[str, Any] | None:
    value = parse_literal(text)
    return value if isinstance(value, dict) and value.keys() <= {"allowed", "blocked"} else None


def _to_item(cells: Cells, captured_at: datetime, given: Given) -> dict[str, Any]:
    del captured_at
    thumbnail = cells.get("thumbnails", "")
    return present(
        id=parse_video_id(cells["videoIds"], thumbnail),
        snippet=present(
            publishedAt=to_time_text(cells.get("publishedAt", ""), given.time_zone),
            channelId=cells.get("channelIds"),
            title=cells.get("titles"),
            description=cells.get("descriptions"),
            channelTitle=cells.get("channelTitles"),
            categoryId=parse_count(cells.get("categoryIds", "")),
            tags=_parse_texts(cells.get("tags", "")),
            thumbnails=to_thumbnails(thumbnail),
        ),
        contentDetails=present(
            duration=cells.get("durations"), regionRestriction=_parse_restriction(cells.get("regionRestrictions", ""))
        ),
        topicDetails=present(relevantTopicIds=_parse_texts(cells.get("relevantTopicIds", ""))),
        statistics=to_statistics(
            views=cells.get("views", ""),
            likes=cells.get("likes", ""),
            dislikes=cells.get("dislikes", ""),
            comments=cells.get("comments", ""),
        ),
    )


LAYOUT = Layout(
    name="trends_2021",
    columns=(
        "sequence", "today", "videoIds", "publishedAt", "titles", "channelIds", "channelTitles", "thumbnails",
        "categoryIds", "descriptions", "tags", "views", "likes", "dislikes", "comments", "durations",
        "regionRestrictions", "relevantTopicIds", "channelPublishedAt", "channelCountry", "channelViewCount",
        "channelSubscriberCount", "channelVideoCount", "channelTopicIds",
    ),
    signature=frozenset({"sequence", "today", "videoIds", "channelIds"}),
    forms={"sequence": NUMBER_FORM, "today": TIME_FORM, "videoIds": ID_FORM, "publishedAt": TIME_FORM},
    read_time=time_column("today", parse_instant),
    to_item=_to_item,
)  # fmt: skip
