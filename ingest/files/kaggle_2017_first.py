"""The first 2017 layout (Kaggle `datasnaek/youtube`): `date` is dd.mm with no year; cells in, videos resource out.

The user says the year. A date that a spreadsheet took for a number lost its last zero: months have
two digits here, so `10.1` can only have been 10.10. Tags are joined by a bare `|`, which tags
themselves contain, so they are left to the row.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ingest.files.entries import RowRefused
from ingest.files.layout import ID_FORM, NUMBER_FORM, Cells, Layout, given_time
from ingest.files.values import is_absent, parse_count, parse_video_id, shown, to_day
from ingest.files.video import present, to_statistics, to_thumbnails

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ingest.files.entries import Given

_DAY_MONTH = re.compile(r"([0-9]{1,2})\.([0-9]{2}|1)")
_DECEMBER = 12


def _read_time(given: Given) -> Callable[[Cells], datetime]:
    year = given.year
    month_before = 0

    def time_of(cells: Cells) -> datetime:
        nonlocal year, month_before
        text = cells["date"].strip()
        if is_absent(text):
            return given_time(given)
        day, month = parse_day_month(text)
        if year is None:
            raise RowRefused("time_without_year", f"the date {shown(text)} has no year; --year can say it")
        # Rows stand in the order of their days, so January after December is the next year's.
        passed = year + 1 if (month_before, month) == (_DECEMBER, 1) else year
        found = to_day(passed, month, day, text)
        year, month_before = passed, month
        return found

    return time_of


def parse_day_month(text: str) -> tuple[int, int]:
    """Day and month of a date written dd.mm."""
    parts = _DAY_MONTH.fullmatch(text)
    if not parts:
        raise RowRefused("bad_time", f"{shown(text)} is not a date whose meaning is certain")
    return int(parts[1]), 10 if parts[2] == "1" else int(parts[2])


def _to_item(cells: Cells, captured_at: datetime, given: Given) -> dict[str, Any]:
    del captured_at, given
    thumbnail = cells.get("thumbnail_link", "")
    return present(
        id=parse_video_id(cells["video_id"], thumbnail),
        snippet=present(
            title=cells.get("title"),
            channelTitle=cells.get("channel_title"),
            categoryId=parse_count(cells.get("category_id", "")),
            thumbnails=to_thumbnails(thumbnail),
        ),
        statistics=to_statistics(
            views=cells.get("views", ""),
            likes=cells.get("likes", ""),
            dislikes=cells.get("dislikes", ""),
            comments=cells["comment_total"],
        ),
    )


LAYOUT = Layout(
    name="kaggle_2017_first",
    columns=(
        "video_id", "title", "channel_title", "category_id", "tags", "views", "likes", "dislikes", "comment_total",
        "thumbnail_link", "date",
    ),
    signature=frozenset({"video_id", "date", "comment_total", "channel_title"}),
    forms={"video_id": ID_FORM, "category_id": NUMBER_FORM, "views": NUMBER_FORM, "date": _DAY_MONTH},
    read_time=_read_time,
    to_item=_to_item,
    # The publisher's guess of a category, and in some files one column more that is empty.
    tails=(("category",), ("category", ""), ()),
)  # fmt: skip
