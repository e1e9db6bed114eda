"""What ingest publishes is what the contracts of its topics accept, and goes to the tables it is meant for."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from ingest.quota import Usage
from ingest.records import (
    Chart,
    Reading,
    to_absence_message,
    to_category_message,
    to_channel_message,
    to_chart_messages,
    to_usage_message,
    to_video_message,
)
from tests.ingest.building import a_category, a_channel, a_chart_item, a_video_id
from trendscript.contracts import load_contract
from trendscript.contracts.rows import MessageReader, Rejected

if TYPE_CHECKING:
    from trendscript.kafka import Message

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
USAGE = Usage("default", date(2026, 11, 21), 4, 4)


def _tables(message: Message) -> dict[str, int]:
    """Rows by table, as the message's contract reads it; those without rows left out."""
    contract = load_contract(message.topic)
    rows = MessageReader(contract).read(message.value)
    assert not isinstance(rows, Rejected), rows.reason
    return {table.name: len(found) for table, found in zip(contract.tables, rows, strict=True) if found}


@pytest.mark.parametrize(
    ("message", "tables"),
    [
        (
            to_chart_messages(Reading(Chart("FR"), NOON, (a_chart_item(),)))[0],
            {"video": 1, "chart_entry": 1, "chart_reading": 1},
        ),
        (
            to_chart_messages(Reading(Chart("FR"), NOON, (a_chart_item(snippet=None, statistics=None),)))[0],
            {"chart_entry": 1, "chart_reading": 1},
        ),
        (to_chart_messages(Reading(Chart("FR"), NOON, ()))[0], {"chart_reading": 1}),
        (to_video_message(a_chart_item(), NOON), {"video": 1, "video_statistics": 1}),
        (to_absence_message(a_video_id(1), NOON), {"video_absence": 1}),
        (to_channel_message(a_channel(1), NOON), {"channel": 1, "channel_statistics": 1}),
        (to_category_message(a_category(10, "Music"), "FR", NOON), {"video_category": 1}),
        (
            to_usage_message(USAGE, usage_id="0" * 32, command="ingest charts", captured_at=NOON),
            {"api_usage": 1},
        ),
    ],
)
def test_each_kind_of_message_feeds_its_tables(message: Message, tables: dict[str, int]) -> None:
    """A chart entry, one without snippet, an empty chart, a video, an absence, and the rest, each in its tables."""
    assert _tables(message) == tables
