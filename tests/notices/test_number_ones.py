"""New number ones that people are told of: each once, of a reading that is whole and young."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.notices.conftest import FIRST, SECOND, THIRD, ago
from tests.warehouse.rows import add, add_video, day

if TYPE_CHECKING:
    from tests.notices.conftest import Told


def test_a_new_number_one_is_told_with_title_and_link(told: Told) -> None:
    """Once; the same one at the next reading is no news, and what leads is what the view says."""
    with told.writing() as cursor:
        add_video(cursor, SECOND, title="Slow\r\nTide @everyone", channel_title="Paper Lanterns")
    told.read_chart(ago(hours=3), FIRST, SECOND)
    told.tell(notify_on="number_one")
    told.read_chart(ago(hours=2), SECOND, FIRST)
    told.tell(notify_on="number_one")
    (text,) = told.texts()
    assert text.startswith("Trendscript: new number one in FR\nNew number one in FR (")
    assert ": Slow Tide \uff20everyone, by Paper Lanterns\n  https://youtu.be/bbbbbbbbbbb\n" in text
    assert told.execute("select url from trusted.current_chart where rank = 1") == [("https://youtu.be/" + SECOND,)]
    told.tell(notify_on="number_one")
    told.read_chart(ago(minutes=90), SECOND, THIRD)
    told.tell(notify_on="number_one")
    assert told.texts() == []


def test_a_reading_that_is_not_whole_tells_nothing(told: Told) -> None:
    """Until its entries are there, or it is older than an hour, as the views have it."""
    told.read_chart(ago(hours=3), FIRST)
    told.read_chart(ago(minutes=10), SECOND, size=2)
    told.tell(notify_on="number_one")
    assert told.texts() == []
    with told.writing() as cursor:
        cursor.execute("select captured_at from processed.chart_reading where size = 2")
        (captured_at,) = cursor.fetchone() or ()
        add_video(cursor, THIRD)
        chart = {"region_code": "FR", "category_id": "0", "captured_at": captured_at}
        add(cursor, "chart_entry", **chart, video_id=THIRD, rank=2)
    told.tell(notify_on="number_one")
    assert len(told.texts()) == 1


def test_a_chart_seen_for_the_first_time(told: Told) -> None:
    """Is compared with the one before it."""
    told.read_chart(ago(hours=3), FIRST)
    told.read_chart(ago(hours=2), SECOND)
    told.read_chart(ago(hours=2), FIRST, region="DE")
    told.tell(notify_on="number_one")
    (text,) = told.texts()
    assert "new number one in FR\n" in text


def test_a_number_one_of_years_ago_is_only_remembered(told: Told) -> None:
    """Old files may be loaded at any time, a day after the other; what leads next is held against them."""
    told.read_chart(day(1), FIRST)
    told.read_chart(day(2), SECOND)
    told.tell(notify_on="number_one")
    told.read_chart(day(3), FIRST)
    told.tell(notify_on="number_one")
    assert told.texts() == []
    assert told.execute("select facts ->> 'video_id' from pipeline.notice") == [(FIRST,)]
    told.read_chart(ago(hours=2), FIRST)
    told.tell(notify_on="number_one")
    assert told.texts() == []


def test_charts_of_categories_go_by_their_names(told: Told) -> None:
    """Each is a chart of its own."""
    with told.writing() as cursor:
        add(cursor, "video_category", region_code="FR", category_id="10", title="Music", captured_at=day(1))
        for hours, video in ((3, FIRST), (2, SECOND)):
            chart = {"region_code": "FR", "category_id": "10", "captured_at": ago(hours=hours)}
            add(cursor, "chart_reading", **chart, size=1)
            add_video(cursor, video)
            add(cursor, "chart_entry", **chart, video_id=video, rank=1)
    told.tell(notify_on="number_one")
    assert "new number one in FR Music\n" in told.texts()[0]
