"""Envelopes: what surrounds a record, and that the record itself is not touched."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pytest

from ingest.quota import Usage
from ingest.records import (
    Chart,
    Reading,
    id_of,
    keep_first_of_each,
    to_absence_message,
    to_category_message,
    to_channel_message,
    to_chart_messages,
    to_usage_message,
    to_video_message,
)
from tests.ingest.building import a_category, a_channel, a_channel_id, a_chart_item, a_video_id

NOON = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)


def test_a_chart_entry_holds_the_item_untouched() -> None:
    """The envelope has the reading's coordinates around the item as the API gave it, key order and all."""
    reading = Reading(Chart("FR", "10"), NOON, (a_chart_item(7),))
    [message] = to_chart_messages(reading)
    assert (message.topic, message.key) == ("youtube_trending", a_video_id(7).encode())
    assert json.loads(message.value or b"") == {
        "source": "youtube_api",
        "captured_at": "2026-11-21T12:00:00.123456Z",
        "region_code": "FR",
        "category_id": "10",
        "rank": 1,
        "size": 1,
        "item": a_chart_item(7),
    }
    assert json.dumps(a_chart_item(7), separators=(",", ":")).encode() in (message.value or b"")


def test_absent_counts_stay_absent() -> None:
    """A hidden like count is not made up."""
    [message] = to_chart_messages(Reading(Chart("FR"), NOON, (a_chart_item(statistics={"viewCount": "5"}),)))
    assert json.loads(message.value or b"")["item"]["statistics"] == {"viewCount": "5"}


@pytest.mark.parametrize("item", [None, 1, "text", [], {}, {"id": None}, {"id": ""}, {"id": {"videoId": "x"}}])
def test_what_has_no_id_has_none(item: object) -> None:
    """Anything but an object with a text for an id has no id, and no exception either."""
    assert id_of(item) is None


def test_doubles_are_left_out_and_items_without_an_id_are_not() -> None:
    """The first of each id stays in its place; two items without an id are two items."""
    items = [{"id": "a"}, {}, {"id": "b"}, {"id": "a", "later": True}, {}]
    assert keep_first_of_each(items) == ([{"id": "a"}, {}, {"id": "b"}, {}], 1)


def test_a_video_and_its_absence_share_topic_and_key() -> None:
    """So that both go to one partition, in order."""
    there, gone = to_video_message(a_chart_item(1), NOON), to_absence_message(a_video_id(1), NOON)
    assert (there.topic, there.key) == (gone.topic, gone.key) == ("youtube_video", b"video000001")
    assert json.loads(there.value or b"")["video_id"] == a_video_id(1)
    absence = json.loads(gone.value or b"")
    assert (absence["item"], absence["absence_reason"], absence["video_id"]) == (None, "not_returned", a_video_id(1))


def test_channels_and_categories_have_their_own_keys() -> None:
    """A channel's key is its id, a category's its region."""
    assert to_channel_message(a_channel(3), NOON).key == a_channel_id(3).encode()
    category = to_category_message(a_category(10, "Music"), "FR", NOON)
    assert category.key == b"FR"
    assert json.loads(category.value or b"")["item"]["snippet"]["title"] == "Music"


def test_what_was_spent_is_a_message() -> None:
    """A usage has the id its producer gave it, so that publishing it twice counts once."""
    usage = Usage("default", date(2026, 11, 21), 4, 3)
    message = to_usage_message(usage, usage_id="0" * 32, command="ingest charts", captured_at=NOON)
    assert message.key == b"youtube_data_api"
    assert json.loads(message.value or b"") == {
        "source": "trendscript",
        "captured_at": "2026-11-21T12:00:00.123456Z",
        "usage_id": "0" * 32,
        "provider": "youtube_data_api",
        "bucket": "default",
        "pacific_day": "2026-11-21",
        "units": 4,
        "requests": 3,
        "command": "ingest charts",
    }
