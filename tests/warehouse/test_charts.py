"""The views over charts, on a few readings with expectations made by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from tests.warehouse.conftest import read_rows
from tests.warehouse.rows import add, add_reading, add_video, day

if TYPE_CHECKING:
    from psycopg2.extras import RealDictCursor


def test_a_reading_is_complete_when_its_entries_number_its_size(cursor: RealDictCursor) -> None:
    """Short ones are shown after an hour, marked, and left out before; an empty chart is complete."""
    now = datetime.now(UTC)
    add_reading(cursor, day(1), ["a", "b"])
    add_reading(cursor, day(2), ["a"], size=2)
    add_reading(cursor, day(3), [])
    add_reading(cursor, now - timedelta(minutes=59), ["a"], size=2)
    add_reading(cursor, now - timedelta(minutes=58), ["a", "b"])
    found = read_rows(cursor, "select captured_at, entries, complete from trusted.chart_reading order by captured_at")
    assert [tuple(row.values()) for row in found] == [
        (day(1), 2, True),
        (day(2), 1, False),
        (day(3), 0, True),
        (now - timedelta(minutes=58), 2, True),
    ]


def test_entries_of_a_fresh_short_reading_wait(cursor: RealDictCursor) -> None:
    """They are shown when the reading is complete, or an hour old."""
    add_reading(cursor, day(1), ["a"], size=2)
    add_reading(cursor, datetime.now(UTC), ["b"], size=2)
    assert read_rows(cursor, "select video_id from trusted.chart_entry") == [{"video_id": "a"}]


def test_a_video_that_leaves_and_returns_has_two_stays(cursor: RealDictCursor) -> None:
    """Its days are 1 and 2, then 4 and 5; the neighbour stays all the time and is still there."""
    add_reading(cursor, day(1), ["comes_back", "stays"])
    add_reading(cursor, day(2), ["stays", "comes_back"])
    add_reading(cursor, day(3), ["stays"])
    add_reading(cursor, day(4), ["stays", "other", "comes_back"])
    add_reading(cursor, day(5), ["comes_back", "stays"])
    query = """
        select video_id, stay, entered_at, last_seen_at, left_at, hours, readings,
            first_rank, best_rank, last_rank, ranks_climbed, ranks
        from trusted.q03_time_on_chart order by video_id, stay
    """
    assert [tuple(row.values()) for row in read_rows(cursor, query)] == [
        ("comes_back", 1, day(1), day(2), day(3), 24, 2, 1, 1, 2, -1, [1, 2]),
        ("comes_back", 2, day(4), day(5), None, 24, 2, 3, 1, 1, 2, [3, 1]),
        ("other", 1, day(4), day(4), day(5), 0, 1, 2, 2, 2, 0, [2]),
        ("stays", 1, day(1), day(5), None, 96, 5, 2, 1, 2, 0, [2, 1, 1, 1, 2]),
    ]


def test_a_short_reading_does_not_show_that_a_video_left(cursor: RealDictCursor) -> None:
    """Day 2 lacks an entry, which may be this one; it holds the other, which counts."""
    add_reading(cursor, day(1), ["a", "b"])
    add_reading(cursor, day(2), ["b"], size=2)
    add_reading(cursor, day(3), ["a", "b"])
    query = "select video_id, stay, readings from trusted.chart_stay order by video_id, stay"
    assert [tuple(row.values()) for row in read_rows(cursor, query)] == [("a", 1, 2), ("b", 1, 3)]


def test_a_video_last_seen_in_a_short_reading_left_at_the_next_complete_one(cursor: RealDictCursor) -> None:
    """Day 2 is short and holds it; day 3 is complete and does not."""
    add_reading(cursor, day(1), ["a", "b"])
    add_reading(cursor, day(2), ["a"], size=2)
    add_reading(cursor, day(3), ["b"])
    found = read_rows(cursor, "select video_id, readings, left_at from trusted.chart_stay order by video_id")
    assert [tuple(row.values()) for row in found] == [("a", 2, day(3)), ("b", 2, None)]


def test_charts_of_regions_and_categories_do_not_mix(cursor: RealDictCursor) -> None:
    """A video on two charts has a stay on each."""
    add_reading(cursor, day(1), ["a"], region="FR")
    add_reading(cursor, day(2), ["a"], region="US")
    add_reading(cursor, day(2), [], region="FR")
    found = read_rows(cursor, "select region_code, entered_at, left_at from trusted.chart_stay order by region_code")
    assert [tuple(row.values()) for row in found] == [("FR", day(1), day(2)), ("US", day(2), None)]


_CURRENT = """
    select captured_at, complete, rank, video_id, previous_rank, rank_change, entered_at
    from trusted.current_chart order by region_code, rank
"""


def test_the_current_chart_says_what_climbed_and_since_when(cursor: RealDictCursor) -> None:
    """Video b climbs, a falls, c is new; b was away on day 2, so its stay begins on day 3."""
    add_reading(cursor, day(1), ["a", "b"])
    add_reading(cursor, day(2), ["a"])
    add_reading(cursor, day(3), ["a", "x", "b"])
    add_reading(cursor, day(4), ["b", "a", "c"])
    assert [tuple(row.values()) for row in read_rows(cursor, _CURRENT)] == [
        (day(4), True, 1, "b", 3, 2, day(3)),
        (day(4), True, 2, "a", 1, -1, day(1)),
        (day(4), True, 3, "c", None, None, day(4)),
    ]


def test_the_current_chart_waits_an_hour_for_a_short_reading(cursor: RealDictCursor) -> None:
    """A minute old, it is passed over for the one before; two hours old, it is shown as incomplete."""
    now = datetime.now(UTC)
    add_reading(cursor, day(1), ["a"], region="FR")
    add_reading(cursor, now - timedelta(minutes=1), ["b"], region="FR", size=2)
    add_reading(cursor, day(1), ["a"], region="US")
    add_reading(cursor, now - timedelta(hours=2), ["b"], region="US", size=2)
    found = read_rows(cursor, "select region_code, complete, video_id from trusted.current_chart order by region_code")
    assert [tuple(row.values()) for row in found] == [("FR", True, "a"), ("US", False, "b")]


def test_categories_count_entries_by_reading_and_views_by_video(cursor: RealDictCursor) -> None:
    """Over all regions a video's views are drawn once, though two charts held it."""
    add(cursor, "video_category", region_code="US", category_id="10", title="Music", captured_at=day(1))
    add_video(cursor, "song", category_id="10")
    add_video(cursor, "game", category_id="20")
    add_reading(cursor, day(1), ["song", "game"], region="FR", views=100)
    add_reading(cursor, day(2), ["song"], region="FR", views=300)
    add_reading(cursor, day(2), ["song"], region="US", views=300)
    query = """
        select region_code, place, category_id, category_title, entries, entries_percent, videos, view_count
        from trusted.q01_categories
    """
    assert [tuple(row.values()) for row in read_rows(cursor, query)] == [
        ("all", 1, "10", "Music", 3, 75, 1, 300),
        ("all", 2, "20", None, 1, 25, 1, 100),
        ("FR", 1, "10", "Music", 2, Decimal("66.7"), 1, 300),
        ("FR", 2, "20", None, 1, Decimal("33.3"), 1, 100),
        ("US", 1, "10", "Music", 1, 100, 1, 300),
    ]


def test_a_count_over_the_change_of_the_chart_says_so(cursor: RealDictCursor) -> None:
    """The chart changed on 2025-07-21; readings on both sides of it are not one thing."""
    add_reading(cursor, datetime(2025, 7, 1, tzinfo=UTC), ["a"], region="FR")
    add_reading(cursor, datetime(2025, 8, 1, tzinfo=UTC), ["a"], region="FR")
    add_reading(cursor, datetime(2025, 8, 1, tzinfo=UTC), ["a"], region="US")
    for view in ("q01_categories", "q06_channels"):
        found = read_rows(cursor, f"select region_code, crosses_metric_epoch as crosses from trusted.{view}")  # noqa: S608  (names from the line above)
        assert {row["region_code"]: row["crosses"] for row in found} == {"all": True, "FR": True, "US": False}
    [stay, _] = read_rows(cursor, "select crosses_metric_epoch from trusted.q03_time_on_chart order by region_code")
    [video] = read_rows(cursor, "select crosses_metric_epoch from trusted.q07_regions")
    assert (stay["crosses_metric_epoch"], video["crosses_metric_epoch"]) == (True, True)


def test_channels_are_counted_by_id_or_else_by_title(cursor: RealDictCursor) -> None:
    """Old files name channels without ids; videos without either are left out."""
    add_video(cursor, "one", channel_id="C1", channel_title="New name", captured_at=day(2))
    add_video(cursor, "two", channel_id="C1", channel_title="Old name")
    add_video(cursor, "old", channel_id=None, channel_title="No id")
    add_video(cursor, "nobody", channel_id=None)
    add_reading(cursor, day(1), ["one", "two", "old", "nobody"], region="FR", views=10)
    add_reading(cursor, day(2), ["two"], region="FR", views=30)
    query = """
        select place, channel_id, channel_title, entries, videos, best_rank, average_rank, view_count
        from trusted.q06_channels where region_code = 'FR'
    """
    assert [tuple(row.values()) for row in read_rows(cursor, query)] == [
        (1, "C1", "New name", 3, 2, 1, Decimal("1.3"), 40),
        (2, None, "No id", 1, 1, 3, 3, 10),
    ]


def test_a_video_in_several_regions_lists_them_as_it_entered_them(cursor: RealDictCursor) -> None:
    """It came to US first, to FR two days later, and did best there."""
    add_reading(cursor, day(1), ["x", "a"], region="US")
    add_reading(cursor, day(3), ["a"], region="FR")
    query = (
        "select video_id, region_count, regions, best_ranks, best_region, hours_to_last_region from trusted.q07_regions"
    )
    assert [tuple(row.values()) for row in read_rows(cursor, query)] == [
        ("a", 2, ["US", "FR"], [2, 1], "FR", 48),
        ("x", 1, ["US"], [1], "US", 0),
    ]


def test_regions_overlap_by_their_videos(cursor: RealDictCursor) -> None:
    """Half of what FR saw, all of what US saw; GB shares nothing."""
    add_reading(cursor, day(1), ["a", "b"], region="FR")
    add_reading(cursor, day(2), ["a"], region="US")
    add_reading(cursor, day(2), ["c"], region="GB")
    query = "select region_code, other_region_code, videos, shared_videos, shared_percent from trusted.region_overlap"
    found = [tuple(row.values()) for row in read_rows(cursor, query)]
    assert ("FR", "US", 2, 1, 50) in found
    assert ("US", "FR", 1, 1, 100) in found
    assert ("GB", "FR", 1, 0, 0) in found
    assert len(found) == 6


def test_growth_is_between_readings_that_hold_the_video(cursor: RealDictCursor) -> None:
    """2400 views in two days are 50 an hour; a hidden count gives no growth; the first reading gives no row."""
    add_reading(cursor, day(1), ["a", "hidden"], views=100)
    add_reading(cursor, day(3), ["a"], views=2500)
    add_reading(cursor, day(4), ["hidden"], views=None)
    query = "select video_id, previous_at, captured_at, hours, views_gained, views_per_hour from trusted.q08_growth"
    assert [tuple(row.values()) for row in read_rows(cursor, f"{query} order by video_id")] == [
        ("a", day(1), day(3), 48, 2400, 50),
        ("hidden", day(1), day(4), 72, None, None),
    ]


def test_growth_over_a_change_of_views_says_so(cursor: RealDictCursor) -> None:
    """March 2025 concerned Shorts alone, August 2026 all; between the two there is plain growth."""
    for video_id, seconds in (("short", 40), ("long", 400)):
        add_video(cursor, video_id, duration_seconds=seconds)
    for month in ((2025, 3), (2025, 4), (2026, 8), (2026, 9)):
        add_reading(cursor, datetime(*month, 1, tzinfo=UTC), ["short", "long"])
    query = "select video_id, crosses_metric_epoch as crosses, what_changed from trusted.q08_growth"
    found = read_rows(cursor, f"{query} order by video_id, captured_at")
    assert [(row["video_id"], row["crosses"]) for row in found] == [
        ("long", False),
        ("long", False),
        ("long", True),
        ("short", True),
        ("short", False),
        ("short", True),
    ]
    assert all((row["what_changed"] is not None) == row["crosses"] for row in found)


def test_growth_over_two_changes_of_views_is_one_row(cursor: RealDictCursor) -> None:
    """A Short that was not seen from before March 2025 until after August 2026 crosses both, told in their order."""
    add_video(cursor, "short", duration_seconds=40)
    for month in ((2025, 3), (2026, 9)):
        add_reading(cursor, datetime(*month, 1, tzinfo=UTC), ["short"])
    [growth] = read_rows(cursor, "select crosses_metric_epoch as crosses, what_changed from trusted.q08_growth")
    assert growth["crosses"]
    assert growth["what_changed"] == (
        "Views of Shorts count every start and replay, with no minimum watch time. "
        "Public views of every format are counted when playback starts."
    )


def test_growth_takes_looks_at_a_video_as_a_series_of_its_own(cursor: RealDictCursor) -> None:
    """They have no region, and do not mix with the charts' readings between them."""
    add_video(cursor, "a")
    add(cursor, "video_statistics", video_id="a", captured_at=day(1), view_count=0)
    add_reading(cursor, day(2), ["a"], views=999)
    add(cursor, "video_statistics", video_id="a", captured_at=day(3), view_count=480)
    found = read_rows(cursor, "select region_code, views_per_hour from trusted.q08_growth")
    assert [tuple(row.values()) for row in found] == [(None, 10)]
