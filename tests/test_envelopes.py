"""What envelopes are made of: times, and JSON that keeps whatever came."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from trendscript.envelopes import to_json, to_timestamp

NOON = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
).filter(lambda value: json.loads(json.dumps(value)) == value)  # two surrogates that make one character can't come


def test_times_are_utc_with_a_z() -> None:
    """Any offset becomes UTC; microseconds stay."""
    paris = timezone(timedelta(hours=1))
    assert to_timestamp(NOON) == "2026-11-21T12:00:00.123456Z"
    assert to_timestamp(datetime(2026, 11, 21, 13, tzinfo=paris)) == "2026-11-21T12:00:00Z"


@given(json_values)
def test_any_json_value_comes_back_the_same(value: object) -> None:
    """Whatever a body held, lone surrogates and huge integers included, is in the message as it was."""
    assert json.loads(to_json(value)) == value
