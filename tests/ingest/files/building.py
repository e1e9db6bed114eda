"""Small files of charts, and what an import makes of them."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

from ingest.files.entries import Given
from ingest.files.importing import Import
from ingest.files.kaggle_2017 import LAYOUT as LAYOUT_2017
from ingest.files.kaggle_2017_first import LAYOUT as LAYOUT_2017_FIRST
from ingest.files.kaggle_2020 import LAYOUT as LAYOUT_2020
from ingest.files.kaggle_daily import LAYOUT as LAYOUT_DAILY
from ingest.files.rejects import Rejects

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ingest.files.entries import FileReport
    from ingest.files.layout import Layout

FIRST_ID, SECOND_ID, THIRD_ID = "2Vv-BfVoq4g", "-Ifnaxi2LQg", "dQw4w9WgXcQ"

_ROWS = {
    "kaggle_2017": {
        "video_id": FIRST_ID,
        "trending_date": "17.14.11",
        "title": "Perfect",
        "channel_title": "Ed Sheeran",
        "category_id": "10",
        "publish_time": "2017-11-09T11:04:14.000Z",
        "tags": 'edsheeran|"ed sheeran"',
        "views": "33523622",
        "likes": "1634124",
        "dislikes": "21082",
        "comment_count": "85067",
        "thumbnail_link": f"https://i.ytimg.com/vi/{FIRST_ID}/default.jpg",
        "comments_disabled": "False",
        "ratings_disabled": "False",
        "video_error_or_removed": "False",
        "description": "Listen",
    },
    "kaggle_2017_first": {
        "video_id": FIRST_ID,
        "title": "Perfect",
        "channel_title": "Ed Sheeran",
        "category_id": "10",
        "tags": "a|b",
        "views": "814262",
        "likes": "66290",
        "dislikes": "3557",
        "comment_total": "5546",
        "thumbnail_link": f"https://i.ytimg.com/vi/{FIRST_ID}/default.jpg",
        "date": "13.09",
    },
    "kaggle_2020": {
        "video_id": FIRST_ID,
        "title": "Perfect",
        "publishedAt": "2020-08-11T09:00:13Z",
        "channelId": "UCaO6TYtlC8U5ttz62hTrZgg",
        "channelTitle": "Ed Sheeran",
        "categoryId": "10",
        "trending_date": "2020-08-12T00:00:00Z",
        "tags": "a|b",
        "view_count": "3433885",
        "likes": "353337",
        "dislikes": "9763",
        "comment_count": "23405",
        "thumbnail_link": f"https://i.ytimg.com/vi/{FIRST_ID}/default.jpg",
        "comments_disabled": "False",
        "ratings_disabled": "False",
        "description": "Listen",
    },
    "kaggle_daily": {
        "video_id": FIRST_ID,
        "country": "US",
        "fetched_at": "2025-12-10 05:38:04.573600+00:00",
        "published_at": "2025-12-09 11:30:38+00:00",
        "title": "Perfect",
        "localized_title": "Perfect",
        "channel_title": "Ed Sheeran",
        "channel_id": "UCn0JHLJWiO3_Y5xfNPcF_Ug",
        "category_id": "10",
        "category_name": "Music",
        "tags": "a, b",
        "tag_count": "2",
        "thumbnail": f"https://i.ytimg.com/vi/{FIRST_ID}/hqdefault.jpg",
        "default_language": "en",
        "audio_language": "",
        "is_live": "False",
        "duration": "3600",
        "duration_raw": "P1DT1H",
        "definition": "hd",
        "caption_available": "True",
        "licensed_content": "False",
        "embeddable": "False",
        "made_for_kids": "False",
        "views": "225445",
        "likes": "857",
        "comments": "49",
    },
}
LAYOUTS: dict[str, Layout] = {
    layout.name: layout for layout in (LAYOUT_2017, LAYOUT_2017_FIRST, LAYOUT_2020, LAYOUT_DAILY)
}


def a_row(layout: str = "kaggle_2017", **cells: str) -> dict[str, str]:
    """A row of the layout; a new `video_id` without a `thumbnail_link` gets the picture of that video."""
    row = _ROWS[layout] | cells
    if "video_id" in cells:
        for column in {"thumbnail", "thumbnail_link"} & row.keys() - cells.keys():
            row[column] = row[column].replace(FIRST_ID, cells["video_id"])
    return row


def a_table(*rows: dict[str, str], header: bool = True) -> str:
    """The rows as CSV with CRLF, under a header of the first row's columns or none."""
    text = io.StringIO()
    writer = csv.writer(text)
    if header:
        writer.writerow(rows[0])
    writer.writerows(row.values() for row in rows)
    return text.getvalue()


def to_item(
    layout: str = "kaggle_2017", given: Given | None = None, *, cells: dict[str, str] | None = None, **more: str
) -> dict[str, Any]:
    """The videos resource that the layout makes of one row."""
    given = given or Given(year=2017)
    row = a_row(layout, **(cells or {}), **more)
    found = LAYOUTS[layout]
    return found.to_item(row, found.read_time(given)(row), given)


class Imported:
    """What an import did: `values` of its messages, `keys`, what it told, and its reports."""

    def __init__(self, paths: Sequence[Path], given: Given | None = None, reject_file: Path | None = None) -> None:
        self.told: list[str] = []
        with Rejects(reject_file, self.told.append) as rejects:
            work = Import(paths, given or Given(), rejects)
            messages = list(work.messages())
        self.values: list[dict[str, Any]] = [json.loads(message.value or b"") for message in messages]
        self.keys = [message.key for message in messages]
        self.reports: list[FileReport] = work.reports
        self.refused = [report.path.name for report in work.refused_files]
        assert all(report.rows == report.published + report.rejected for report in work.reports)
        assert len(messages) == work.published

    @property
    def report(self) -> FileReport:
        """The report of the only file."""
        (report,) = self.reports
        return report

    @property
    def ranks(self) -> list[tuple[str, int, int]]:
        """Id, rank and size of every message."""
        return [(value["item"]["id"], value["rank"], value["size"]) for value in self.values]


def import_text(folder: Path, text: str | bytes, given: Given | None = None, name: str = "USvideos.csv") -> Imported:
    """Import one file with this content."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Imported([path], given)
