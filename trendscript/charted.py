"""What has been in a chart lately: a length of time goes in, ids from the warehouse come out."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from psycopg2 import errors

from trendscript.endpoints import postgres_dsn
from trendscript.errors import NeedsAPerson
from trendscript.postgres import connect

if TYPE_CHECKING:
    from datetime import timedelta

    from trendscript.settings import Settings


class WarehouseNotMigrated(NeedsAPerson):
    """Raised when the database lacks the tables of charts."""


_VIDEOS = """
    select distinct video_id
    from processed.chart_entry
    where captured_at >= now() - %s
    order by video_id
"""
_CHANNELS = """
    select distinct video.channel_id
    from processed.chart_entry
    inner join processed.video using (video_id)
    where chart_entry.captured_at >= now() - %s and video.channel_id is not null
    order by video.channel_id
"""


def read_charted_videos(settings: Settings, since: timedelta) -> list[str]:
    """Ids of videos that were in a chart within this time. Raises what `trendscript.postgres.connect` raises."""
    return _read_ids(settings, _VIDEOS, since)


def read_charted_channels(settings: Settings, since: timedelta) -> list[str]:
    """Ids of the channels of videos that were in a chart within this time, where the video is known."""
    return _read_ids(settings, _CHANNELS, since)


def _read_ids(settings: Settings, query: str, since: timedelta) -> list[str]:
    connection = connect(postgres_dsn(settings), application_name="trendscript charted", autocommit=True)
    with closing(connection), connection.cursor() as cursor:
        try:
            cursor.execute(query, (since,))
        except (errors.UndefinedTable, errors.UndefinedColumn) as error:
            raise WarehouseNotMigrated(
                "The warehouse has no charts to look ids up in. Run `trendscript migrate`, then load some."
            ) from error
        return [str(row[0]) for row in cursor.fetchall()]
