"""Offsets: what the ledger knows and what Kafka holds go in, the ranges to read come out, or why they can't be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spark_jobs.batch import OffsetRange
from trendscript.errors import NeedsAPerson

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spark_jobs.batch import Batch
    from spark_jobs.topic_state import TopicIdentity, TopicState


class OffsetsExpired(NeedsAPerson):
    """Raised when Kafka no longer holds messages that were never loaded."""

    def __init__(self, topic: str, partition: int, wanted: int, earliest: int) -> None:
        self.topic, self.partition, self.wanted, self.earliest = topic, partition, wanted, earliest
        super().__init__(
            f"{topic}, partition {partition}: offsets {wanted} to {earliest - 1} were never loaded and Kafka no longer "
            "holds them. Nothing was changed. Publish them again from their source, or decide to go on without them: "
            f'`trendscript accept-gap {topic} --why "…"` records that, and load goes on behind them.'
        )


class PositionAhead(NeedsAPerson):
    """Raised when the ledger has loaded further than Kafka reaches: an older Kafka was restored, or data was lost."""

    def __init__(self, topic: str, partition: int, position: int, end: int) -> None:
        self.topic, self.partition, self.position, self.end = topic, partition, position, end
        super().__init__(
            f"{topic}, partition {partition}: loaded up to offset {position}, but Kafka ends at {end}. "
            "Nothing was changed. Find out whether Kafka lost messages or was restored from an older copy. "
            f"If they can't be brought back, `trendscript accept-gap {topic} --why \"…\"` goes on from Kafka's end."
        )


class PartitionVanished(NeedsAPerson):
    """Raised when the ledger knows a partition that Kafka doesn't have."""

    def __init__(self, topic: str, partition: int) -> None:
        self.topic, self.partition = topic, partition
        super().__init__(
            f"{topic}, partition {partition} was loaded before and is no longer there. Nothing was changed. "
            "Kafka never takes a partition away: look for a wrong address, or an edited pipeline.position."
        )


class TopicRecreated(NeedsAPerson):
    """Raised when the topic is another one than the ledger's, though its name is the same."""

    def __init__(self, topic: str, known: str, found: str) -> None:
        self.topic, self.known, self.found = topic, known, found
        super().__init__(
            f"The topic {topic} was deleted and created again: the ledger knows the id {known}, Kafka says {found}. "
            "Offsets of the two don't compare, so nothing was loaded. If this is meant, "
            f'`trendscript accept-gap {topic} --why "…"` leaves the old topic behind and loads the new one.'
        )


class ClusterChanged(NeedsAPerson):
    """Raised when the brokers belong to another cluster than the one the ledger knows."""

    def __init__(self, topic: str, known: str, found: str) -> None:
        self.topic, self.known, self.found = topic, known, found
        super().__init__(
            f"The topic {topic} was loaded from the Kafka cluster {known}; these brokers belong to {found}. "
            "Nothing was loaded. Mend KAFKA_BOOTSTRAP_SERVERS; or, if Kafka has moved, "
            f'`trendscript accept-gap {topic} --why "…"` goes on with the new cluster.'
        )


class ReplayExpired(NeedsAPerson):
    """Raised when Kafka no longer holds messages that are to be replayed. They were loaded before: nothing is lost."""

    def __init__(self, topic: str, wanted: OffsetRange, held: tuple[int, int], *, planned: int | None) -> None:
        self.topic, self.wanted, self.held, self.planned = topic, wanted, held, planned
        earliest, end = held
        holds = f"holds {earliest} to {end - 1} of it" if end > earliest else "holds nothing of it"
        mend = (
            f"They may be in the lake: `trendscript replay {topic} --from 0 --from-lake` reads there."
            if planned is None
            else f"Batch {planned} was planned to replay them and can't be finished; "
            f'`trendscript replay {topic} --abandon --why "…"` gives it up, and --from-lake can read them in the lake.'
        )
        super().__init__(f"{topic}, {wanted}: to be loaded again, and Kafka {holds}. Nothing was changed. {mend}")


class PositionMoved(NeedsAPerson):
    """Raised when a partition's position isn't where a range begins: somebody else has moved it since the plan."""

    def __init__(self, topic: str, partition: int, expected: int) -> None:
        self.topic, self.partition, self.expected = topic, partition, expected
        super().__init__(
            f"{topic}, partition {partition}: the position is no longer {expected}, where the planned range begins. "
            "The range was rolled back. Find out who changed pipeline.position since the plan."
        )


def check_identity(known: TopicIdentity, found: TopicIdentity) -> None:
    """Raises ClusterChanged or TopicRecreated unless both are the same topic."""
    if known.cluster_id != found.cluster_id:
        raise ClusterChanged(known.topic, known.cluster_id, found.cluster_id)
    if known.topic_id != found.topic_id:
        raise TopicRecreated(known.topic, known.topic_id, found.topic_id)


def plan_positions(positions: Mapping[int, int], state: TopicState) -> dict[int, int]:
    """Where each partition's next batch begins.

    A topic's first load begins at the earliest offset; a partition that appears later at 0, since nothing
    of it was ever loaded. Raises PartitionVanished.
    """
    topic = state.identity.topic
    for partition in positions:
        if partition not in state.end:
            raise PartitionVanished(topic, partition)
    first_load = not positions
    return {
        partition: state.earliest[partition] if first_load else positions.get(partition, 0) for partition in state.end
    }


def plan_ranges(positions: Mapping[int, int], ends: Mapping[int, int], max_messages: int) -> tuple[OffsetRange, ...]:
    """Ranges from the positions towards the ends, of `max_messages` offsets together at most.

    Partitions share the limit evenly; what one doesn't need goes to the others. Empty ranges are left out.
    """
    waiting = {partition: ends[partition] - position for partition, position in positions.items()}
    left, ranges = max_messages, []
    ordered = sorted((partition for partition in waiting if waiting[partition] > 0), key=lambda p: (waiting[p], p))
    for number, partition in enumerate(ordered):
        share = min(waiting[partition], -(-left // (len(ordered) - number)))
        left -= share
        if share > 0:
            ranges.append(OffsetRange(partition, positions[partition], positions[partition] + share))
    return tuple(sorted(ranges, key=lambda offset_range: offset_range.partition))


def check_held(topic: str, ranges: tuple[OffsetRange, ...], state: TopicState) -> None:
    """Raises OffsetsExpired, PositionAhead or PartitionVanished unless Kafka holds every offset of the ranges."""
    for wanted in ranges:
        if wanted.partition not in state.end:
            raise PartitionVanished(topic, wanted.partition)
        if state.earliest[wanted.partition] > wanted.from_offset:
            raise OffsetsExpired(topic, wanted.partition, wanted.from_offset, state.earliest[wanted.partition])
        if state.end[wanted.partition] < wanted.until_offset:
            raise PositionAhead(topic, wanted.partition, wanted.until_offset, state.end[wanted.partition])


def check_replayable(
    topic: str, ranges: tuple[OffsetRange, ...], state: TopicState, *, planned: int | None = None
) -> None:
    """Raises ReplayExpired unless Kafka holds every offset of the ranges. `planned` is the batch they belong to."""
    for wanted in ranges:
        earliest, end = state.earliest.get(wanted.partition, 0), state.end.get(wanted.partition, 0)
        if not earliest <= wanted.from_offset < wanted.until_offset <= end:
            raise ReplayExpired(topic, wanted, (earliest, end), planned=planned)


def check_readable(batch: Batch, state: TopicState) -> None:
    """Raises as `check_held`, or of a replay as `check_replayable`, unless Kafka holds what the batch is to read."""
    if batch.kind == "replay":
        check_replayable(batch.topic, batch.ranges, state, planned=batch.batch_id)
    else:
        check_held(batch.topic, batch.ranges, state)


def check_positions(positions: Mapping[int, int], state: TopicState) -> None:
    """Raises OffsetsExpired or PositionAhead unless every position lies within what Kafka holds."""
    topic = state.identity.topic
    for partition, position in positions.items():
        if state.earliest[partition] > position:
            raise OffsetsExpired(topic, partition, position, state.earliest[partition])
        if state.end[partition] < position:
            raise PositionAhead(topic, partition, position, state.end[partition])
