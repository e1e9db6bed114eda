"""What waits, by the ledger's positions and Kafka's ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from spark_jobs.lag import Known, Lag, read_lags, to_lag
from spark_jobs.topic_state import TopicIdentity, TopicState
from tests.builders import a_chart_message

if TYPE_CHECKING:
    from tests.spark_jobs.conftest import Loading

HERE = TopicIdentity("charts", "cluster", "id")
STATE = TopicState(HERE, earliest={0: 2, 1: 0}, end={0: 7, 1: 4})


@pytest.mark.parametrize(
    ("known", "lag"),
    [
        (None, Lag({0: 5, 1: 4}, settled=False)),
        (Known(HERE, {0: 7, 1: 4}, planned=False), Lag({0: 0, 1: 0}, settled=True)),
        (Known(HERE, {0: 7, 1: 4}, planned=True), Lag({0: 0, 1: 0}, settled=False)),
        (Known(HERE, {0: 3, 1: 4}, planned=False), Lag({0: 4, 1: 0}, settled=False)),
        (Known(HERE, {0: 7}, planned=False), Lag({0: 0, 1: 4}, settled=False)),
        (Known(HERE, {0: 9, 1: 4}, planned=False), Lag({0: 0, 1: 0}, settled=False)),
        (
            Known(TopicIdentity("charts", "cluster", "old"), {0: 7, 1: 4}, planned=False),
            Lag({0: 5, 1: 4}, settled=False),
        ),
    ],
    ids=["never loaded", "loaded", "unfinished", "behind", "a new partition", "ahead of Kafka", "another topic"],
)
def test_lag_is_what_a_load_would_read(known: Known | None, lag: Lag) -> None:
    """From the position, or where a first load begins; only a topic that a load would leave alone is settled."""
    assert to_lag(known, STATE) == lag


def test_lag_falls_to_zero_by_a_load(loading: Loading) -> None:
    """Counted over the partitions; a topic that isn't there is left out."""
    loading.publish(*(a_chart_message(f"video{number:06d}") for number in range(10)))
    before = read_lags(loading.job, [loading.topic, "no_such_topic"])
    assert before.keys() == {loading.topic}
    assert (before[loading.topic].messages, before[loading.topic].settled) == (10, False)
    loading.load()
    assert read_lags(loading.job, [loading.topic]) == {loading.topic: Lag({0: 0, 1: 0}, settled=True)}
