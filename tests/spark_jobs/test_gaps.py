"""What is given up, from positions and what Kafka holds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from spark_jobs.batch import Batch, OffsetRange
from spark_jobs.gaps import Gap, decide_gaps, decide_takeover
from spark_jobs.offsets import PartitionVanished
from spark_jobs.topic_state import TopicIdentity, TopicState

CHARTS = TopicIdentity("charts", "cluster", "topic-id")


def a_state(*bounds: tuple[int, int], identity: TopicIdentity = CHARTS) -> TopicState:
    """What Kafka holds of partitions 0, 1, …: earliest and end of each."""
    earliest, end = ({number: bound[side] for number, bound in enumerate(bounds)} for side in (0, 1))
    return TopicState(identity, earliest, end)


def a_batch(*ranges: OffsetRange, **changes: Any) -> Batch:
    """An unfinished load of these ranges."""
    return replace(Batch(1, "charts", "topic-id", "load", ranges), **changes)


def test_all_is_well() -> None:
    """Positions that Kafka holds, at either end of what it holds, give up nothing; nor does a batch that it holds."""
    decided = decide_gaps(a_state((5, 10), (0, 3)), {0: 5, 1: 3}, a_batch(OffsetRange(0, 5, 10)))
    assert (decided.gaps, decided.positions, decided.abandoned) == ((), {}, None)


def test_expired_offsets_and_a_kafka_that_ends_early() -> None:
    """Each partition by itself; one that appeared later and lost its beginning counts from 0."""
    decided = decide_gaps(a_state((5, 10), (0, 3), (2, 4), (0, 9)), {0: 3, 1: 8, 3: 9}, None)
    assert decided.gaps == (
        Gap("topic-id", 0, 3, 5, "OffsetsExpired"),
        Gap("topic-id", 1, 3, 8, "PositionAhead"),
        Gap("topic-id", 2, 0, 2, "OffsetsExpired"),
    )
    assert decided.positions == {0: 5, 1: 3, 2: 2}


def test_single_partitions_can_be_named() -> None:
    """The others stay as they are."""
    decided = decide_gaps(a_state((5, 10), (5, 10)), {0: 3, 1: 3}, None, only=[1])
    assert (decided.positions, [gap.partition for gap in decided.gaps]) == ({1: 5}, [1])


def test_a_batch_that_begins_before_the_gap_is_abandoned() -> None:
    """It was planned from the old position; one over other partitions goes on."""
    state = a_state((5, 10), (0, 9))
    stuck, fine = a_batch(OffsetRange(0, 3, 8), OffsetRange(1, 0, 9)), a_batch(OffsetRange(1, 0, 9))
    assert decide_gaps(state, {0: 3, 1: 0}, stuck).abandoned == stuck
    assert decide_gaps(state, {0: 3, 1: 0}, fine).abandoned is None


def test_a_plan_beyond_kafkas_end_is_abandoned_and_what_it_had_seen_is_a_gap() -> None:
    """The position is held; the messages that stood behind it when the plan was made are lost all the same."""
    planned = a_batch(OffsetRange(0, 3, 8))
    decided = decide_gaps(a_state((0, 5)), {0: 3}, planned)
    assert (decided.gaps, decided.positions) == ((Gap("topic-id", 0, 5, 8, "PositionAhead"),), {})
    assert decided.abandoned == planned


@pytest.mark.parametrize(("source", "stuck"), [("kafka", True), ("lake", False)])
def test_a_replay_of_what_kafka_forgot_loses_nothing(source: str, stuck: bool) -> None:  # noqa: FBT001  (a case)
    """It is abandoned, unless it reads the lake; there is no gap, since all of it was loaded."""
    planned = a_batch(OffsetRange(0, 0, 5), kind="replay", source=source)
    decided = decide_gaps(a_state((3, 9)), {0: 9}, planned)
    assert (decided.gaps, decided.positions, decided.abandoned == planned) == ((), {}, stuck)


@pytest.mark.parametrize("source", ["kafka", "lake"])
def test_a_replay_behind_a_position_that_goes_back_is_given_up(source: str) -> None:
    """Other messages will stand at those offsets; wherever the old ones are read, they must not meet in quarantine."""
    planned = a_batch(OffsetRange(0, 0, 9), kind="replay", source=source)
    decided = decide_gaps(a_state((0, 6)), {0: 9}, planned)
    assert decided.positions == {0: 6}
    assert decided.abandoned == planned


def test_of_a_cluster_with_another_id_alone_expired_offsets_are_told_once() -> None:
    """The topic is the same: two gaps that begin at one offset could not both be recorded."""
    state = a_state((7, 9), (0, 9), identity=replace(CHARTS, cluster_id="renamed"))
    decided = decide_takeover(CHARTS, state, {0: 4, 1: 3}, {0: 4, 1: 3}, None)
    assert sorted((gap.partition, gap.from_offset, gap.fault) for gap in decided.gaps) == [
        (0, 4, "OffsetsExpired"),
        (1, 3, "ClusterChanged"),
    ]


def test_another_topic_begins_as_at_a_first_load() -> None:
    """Of the old one nobody knows where it ended; its batch is abandoned, but for one that doesn't read Kafka."""
    state = a_state((7, 9), (0, 2), identity=replace(CHARTS, topic_id="new"))
    planned = a_batch(OffsetRange(0, 4, 6))
    decided = decide_takeover(CHARTS, state, {0: 4, 1: 6}, {}, planned)
    assert decided.gaps == (
        Gap("topic-id", 0, 4, None, "TopicRecreated"),
        Gap("topic-id", 1, 6, None, "TopicRecreated"),
    )
    assert (decided.positions, decided.takes_over, decided.abandoned) == ({0: 7, 1: 0}, True, planned)
    retry = a_batch(OffsetRange(0, 4, 6), kind="retry", source="quarantine")
    assert decide_takeover(CHARTS, state, {}, {}, retry).abandoned is None


def test_a_topic_that_was_loaded_once_goes_on_where_it_was() -> None:
    """Back on the old cluster its positions are there still; what expired meanwhile is a gap."""
    state = a_state((7, 9), (0, 2), identity=replace(CHARTS, cluster_id="old", topic_id="first"))
    decided = decide_takeover(CHARTS, state, {0: 4}, {0: 5, 1: 1}, None)
    assert decided.gaps == (Gap("topic-id", 0, 4, None, "ClusterChanged"), Gap("first", 0, 5, 7, "OffsetsExpired"))
    assert decided.positions == {0: 7, 1: 1}


def test_a_vanished_partition_is_nothing_to_accept() -> None:
    """Kafka never takes one away: somebody has to look."""
    with pytest.raises(PartitionVanished):
        decide_gaps(a_state((0, 9)), {0: 3, 1: 4}, None)
