"""From positions and what Kafka holds to ranges, or to the reason why not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_jobs.batch import Batch, OffsetRange
from spark_jobs.offsets import (
    ClusterChanged,
    OffsetsExpired,
    PartitionVanished,
    PositionAhead,
    TopicRecreated,
    check_held,
    check_identity,
    check_positions,
    plan_positions,
    plan_ranges,
)
from spark_jobs.topic_state import TopicIdentity, TopicState

CHARTS = TopicIdentity("charts", "cluster", "topic-id")


def a_state(**bounds: tuple[int, int]) -> TopicState:
    """What Kafka holds: p0=(earliest, end) and so on."""
    held = {int(name[1:]): bound for name, bound in bounds.items()}
    earliest, end = ({partition: bound[side] for partition, bound in held.items()} for side in (0, 1))
    return TopicState(CHARTS, earliest, end)


def test_a_first_load_begins_at_the_earliest_offset() -> None:
    """What expired before anybody loaded was never promised."""
    assert plan_positions({}, a_state(p0=(5, 10), p1=(0, 3))) == {0: 5, 1: 0}


def test_a_partition_that_appears_later_begins_at_zero() -> None:
    """All of it is new, and nothing of it may be missed."""
    assert plan_positions({0: 7}, a_state(p0=(5, 10), p1=(0, 3))) == {0: 7, 1: 0}


def test_a_partition_that_vanished_is_named() -> None:
    """Kafka never takes a partition away: it is another topic, or another Kafka."""
    with pytest.raises(PartitionVanished, match="charts, partition 1 was loaded before") as vanished:
        plan_positions({0: 7, 1: 3}, a_state(p0=(0, 10)))
    assert vanished.value.partition == 1


def test_offsets_that_expired_are_named() -> None:
    """From the first that is lost to the last."""
    with pytest.raises(OffsetsExpired, match="charts, partition 0: offsets 3 to 4 were never loaded") as expired:
        check_positions({0: 3}, a_state(p0=(5, 10)))
    assert (expired.value.wanted, expired.value.earliest) == (3, 5)


def test_a_later_partition_whose_beginning_expired_is_named() -> None:
    """It begins at 0 and not where Kafka still has something."""
    with pytest.raises(OffsetsExpired, match="partition 1: offsets 0 to 1 "):
        check_positions(plan_positions({0: 7}, a_state(p0=(5, 10), p1=(2, 3))), a_state(p0=(5, 10), p1=(2, 3)))


def test_a_position_past_the_end_is_named() -> None:
    """An older Kafka was restored, or messages were lost that we have."""
    with pytest.raises(PositionAhead, match="charts, partition 0: loaded up to offset 11, but Kafka ends at 10"):
        check_positions({0: 11}, a_state(p0=(0, 10)))


def test_a_position_at_either_end_is_held() -> None:
    """Nothing lost and nothing waiting are no faults."""
    check_positions({0: 5, 1: 10}, a_state(p0=(5, 10), p1=(5, 10)))


@pytest.mark.parametrize(
    ("wanted", "fault"),
    [
        (OffsetRange(0, 5, 10), None),
        (OffsetRange(0, 4, 10), OffsetsExpired),
        (OffsetRange(0, 5, 11), PositionAhead),
        (OffsetRange(1, 5, 10), PartitionVanished),
    ],
)
def test_a_planned_range_must_still_be_held(wanted: OffsetRange, fault: type[Exception] | None) -> None:
    """All of it, since a resumed batch reads what was planned and nothing else."""
    if fault is None:
        check_held("charts", (wanted,), a_state(p0=(5, 10)))
    else:
        with pytest.raises(fault):
            check_held("charts", (wanted,), a_state(p0=(5, 10)))


def test_another_topic_of_the_same_name_is_refused() -> None:
    """Its offsets say nothing about ours."""
    with pytest.raises(TopicRecreated, match="the ledger knows the id topic-id, Kafka says other"):
        check_identity(CHARTS, TopicIdentity("charts", "cluster", "other"))


def test_another_cluster_is_refused_before_the_topic_is_compared() -> None:
    """The wrong address is the likelier cause."""
    with pytest.raises(ClusterChanged, match="cluster; these brokers belong to elsewhere"):
        check_identity(CHARTS, TopicIdentity("charts", "elsewhere", "other"))
    check_identity(CHARTS, CHARTS)


def lengths(waiting: dict[int, int], max_messages: int) -> dict[int, int]:
    """How many offsets each partition gets, when all positions are 100."""
    positions = dict.fromkeys(waiting, 100)
    ranges = plan_ranges(positions, {partition: 100 + number for partition, number in waiting.items()}, max_messages)
    return {found.partition: found.offsets for found in ranges}


def test_partitions_share_the_limit() -> None:
    """Evenly; what a short one leaves goes to the long ones, and empty ones get no range."""
    assert lengths({0: 100, 1: 100}, 10) == {0: 5, 1: 5}
    assert lengths({0: 2, 1: 100, 2: 100}, 10) == {0: 2, 1: 4, 2: 4}
    assert lengths({0: 0, 1: 3}, 10) == {1: 3}
    assert lengths({0: 5, 1: 5, 2: 5}, 1) == {0: 1}
    assert lengths({}, 10) == {}


waiting = st.dictionaries(st.integers(0, 20), st.integers(-3, 50), max_size=8)


@given(waiting=waiting, max_messages=st.integers(1, 200))
def test_a_plan_takes_as_much_as_it_may_and_never_more(waiting: dict[int, int], max_messages: int) -> None:
    """Never past an end, never an empty range, all of the limit when so much waits, all that waits when it fits."""
    positions = {partition: 1000 * partition for partition in waiting}
    ends = {partition: positions[partition] + number for partition, number in waiting.items()}
    ranges = plan_ranges(positions, ends, max_messages)
    assert [found.partition for found in ranges] == sorted({found.partition for found in ranges})
    for found in ranges:
        assert positions[found.partition] == found.from_offset < found.until_offset <= ends[found.partition]
    total = sum(number for number in waiting.values() if number > 0)
    assert sum(found.offsets for found in ranges) == min(total, max_messages)


@given(waiting=waiting, max_messages=st.integers(1, 50))
def test_batch_after_batch_reaches_every_end(waiting: dict[int, int], max_messages: int) -> None:
    """No partition is left behind for ever, and no offset is planned twice or left out."""
    positions, ends = dict.fromkeys(waiting, 0), {partition: max(number, 0) for partition, number in waiting.items()}
    batches = 0
    while ranges := plan_ranges(positions, ends, max_messages):
        batches += 1
        assert all(positions[found.partition] == found.from_offset for found in ranges)
        positions.update({found.partition: found.until_offset for found in ranges})
    assert positions == ends
    assert batches == -(-sum(ends.values()) // max_messages)


def test_a_batch_knows_its_ranges() -> None:
    """By partition; a partition that isn't planned is a bug."""
    batch = Batch(1, "charts", "topic-id", "load", (OffsetRange(0, 1, 5), OffsetRange(2, 0, 1)))
    assert batch.range_of(2).offsets == 1
    assert str(batch.range_of(0)) == "partition 0, offsets 1 to 4"
    with pytest.raises(KeyError):
        batch.range_of(1)
