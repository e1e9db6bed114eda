"""The views over videos and channels, on a few rows with expectations made by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.warehouse.conftest import read_rows
from tests.warehouse.rows import add, add_reading, add_video, day

if TYPE_CHECKING:
    from psycopg2.extras import RealDictCursor


def test_a_stub_is_no_video_yet(cursor: RealDictCursor) -> None:
    """A row with a key only, made by a chart entry that came first, is left out."""
    cursor.execute("insert into processed.video (video_id) values ('stub')")
    add_video(cursor, "known")
    assert read_rows(cursor, "select video_id, url from trusted.video") == [
        {"video_id": "known", "url": "https://youtu.be/known"}
    ]


def test_a_videos_counts_are_the_newest_from_chart_or_look(cursor: RealDictCursor) -> None:
    """The chart saw one video last, a look the other; one was never counted."""
    add_video(cursor, "never")
    add_reading(cursor, day(2), ["chart", "look"], views=200)
    add(cursor, "video_statistics", video_id="chart", captured_at=day(1), view_count=100)
    add(cursor, "video_statistics", video_id="look", captured_at=day(3), view_count=300)
    found = read_rows(cursor, "select video_id, view_count, counted_at from trusted.video order by video_id")
    assert [tuple(row.values()) for row in found] == [
        ("chart", 200, day(2)),
        ("look", 300, day(3)),
        ("never", None, None),
    ]


@pytest.mark.parametrize("regions", [("DE", "FR", "US"), ("US", "FR", "DE")])
def test_counts_of_one_moment_are_the_same_in_any_order(cursor: RealDictCursor, regions: tuple[str, ...]) -> None:
    """Charts of several regions at one time: the most views, whichever came first; a hidden count goes last."""
    views = {"DE": 100, "FR": 300, "US": None}
    for region in regions:
        add_reading(cursor, day(2), ["v"], region=region, views=views[region])
    cursor.execute("update processed.chart_entry set like_count = coalesce(7 - view_count / 100, 9)")
    found = read_rows(cursor, "select view_count, like_count from trusted.video")
    assert [tuple(row.values()) for row in found] == [(300, 4)]


@pytest.mark.parametrize("titles", [("After", "Before"), ("Before", "After")])
def test_a_channels_title_of_one_moment_is_the_same_in_any_order(
    cursor: RealDictCursor, titles: tuple[str, ...]
) -> None:
    """Two videos of one reading give their channel different titles; the views agree on one of them."""
    for title in titles:
        add_video(cursor, f"of {title}", channel_id="C", channel_title=title, captured_at=day(1))
    add_reading(cursor, day(1), ["of After", "of Before"])
    answers = read_rows(cursor, "select distinct channel_title from trusted.q06_channels")
    assert answers == [{"channel_title": "After"}]
    assert read_rows(cursor, "select title from trusted.channel") == [{"title": "After"}]


def test_a_category_has_its_newest_title_of_any_region(cursor: RealDictCursor) -> None:
    """A video of a category that nobody named has no title for it."""
    add(cursor, "video_category", region_code="FR", category_id="10", title="Musique", captured_at=day(1))
    add(cursor, "video_category", region_code="US", category_id="10", title="Music", captured_at=day(2))
    add_video(cursor, "song", category_id="10")
    add_video(cursor, "game", category_id="20")
    found = read_rows(cursor, "select video_id, category_title from trusted.video order by video_id")
    assert [tuple(row.values()) for row in found] == [("game", None), ("song", "Music")]


def test_a_video_is_missing_until_it_is_seen_again(cursor: RealDictCursor) -> None:
    """An absence before the newest record is over; one after it counts."""
    add_video(cursor, "back", captured_at=day(3))
    add_video(cursor, "gone", captured_at=day(1))
    for video_id in ("back", "gone"):
        add(cursor, "video_absence", video_id=video_id, captured_at=day(2), reason="not_returned")
    found = read_rows(cursor, "select video_id, missing_at from trusted.video order by video_id")
    assert [tuple(row.values()) for row in found] == [("back", None), ("gone", day(2))]


def test_a_channels_title_is_the_newest_of_any_record(cursor: RealDictCursor) -> None:
    """The channel's own record is older than its video's in one case, newer in the other; a third has no record."""
    add(cursor, "channel", channel_id="renamed", title="Old", captured_at=day(1))
    add(cursor, "channel", channel_id="current", title="Now", captured_at=day(3))
    cursor.execute("insert into processed.channel (channel_id) values ('stub')")
    for channel_id in ("renamed", "current", "charted"):
        add_video(cursor, f"of {channel_id}", channel_id=channel_id, channel_title="From a video", captured_at=day(2))
    query = "select channel_id, title, videos_known, captured_at from trusted.channel order by channel_id"
    assert [tuple(row.values()) for row in read_rows(cursor, query)] == [
        ("charted", "From a video", 1, None),
        ("current", "Now", 1, day(3)),
        ("renamed", "From a video", 1, day(1)),
    ]


def test_hidden_subscribers_are_no_number(cursor: RealDictCursor) -> None:
    """YouTube has given 0 for a hidden count; the newest look decides."""
    for channel_id, hidden, subscribers in (("open", False, 0), ("hides", True, 0)):
        add(cursor, "channel", channel_id=channel_id, title=channel_id, captured_at=day(1))
        look = {"channel_id": channel_id, "hidden_subscriber_count": hidden, "subscriber_count": subscribers}
        add(cursor, "channel_statistics", captured_at=day(2), **look)
        add(cursor, "channel_statistics", captured_at=day(1), channel_id=channel_id, subscriber_count=5)
    found = read_rows(cursor, "select channel_id, subscriber_count from trusted.channel order by channel_id")
    assert [tuple(row.values()) for row in found] == [("hides", None), ("open", 0)]
