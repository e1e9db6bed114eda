"""Rows of the warehouse in a line each: readings of charts, videos, statistics, with lineage filled in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from psycopg2 import sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (a class with a lower-case name)

FIRST_DAY = datetime(2026, 3, 1, 12, tzinfo=UTC)

_LINEAGE = {"source": "youtube_api", "row_digest": b"\0", "source_partition": 0, "source_offset": 0, "batch_id": 1}


def day(number: int) -> datetime:
    """Noon, UTC, of the day of that number; the first is 1."""
    return FIRST_DAY + timedelta(days=number - 1)


def add(cursor: Cursor, table: str, **values: Any) -> None:
    """Insert a row with its lineage; a row whose key is there already stays."""
    row = _LINEAGE | values
    statement = sql.SQL("insert into processed.{} ({}) values ({}) on conflict do nothing").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, row)),
        sql.SQL(", ").join(sql.Placeholder() * len(row)),
    )
    cursor.execute(statement, list(row.values()))


def add_video(cursor: Cursor, video_id: str, **values: Any) -> None:
    """Insert a video's record."""
    given = {"title": f"Title of {video_id}", "category_id": "10", "channel_id": "C1", "captured_at": day(1)} | values
    add(cursor, "video", video_id=video_id, **given)


def add_reading(  # noqa: PLR0913  (a reading has that many sides, most of them the same in most tests)
    cursor: Cursor,
    captured_at: datetime,
    videos: Sequence[str],
    *,
    region: str = "FR",
    size: int | None = None,
    views: int | None = 1000,
) -> None:
    """Insert a reading whose entries are these videos, from rank 1; `size` above their number leaves it short."""
    chart = {"region_code": region, "category_id": "0", "captured_at": captured_at}
    add(cursor, "chart_reading", **chart, size=len(videos) if size is None else size)
    for rank, video_id in enumerate(videos, start=1):
        add_video(cursor, video_id)
        add(cursor, "chart_entry", **chart, video_id=video_id, rank=rank, view_count=views)
