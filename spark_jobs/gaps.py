"""Gaps: the ledger's positions and what Kafka holds go in; what an operator would give up to go on comes out.

Pure: nothing is read or written here.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from spark_jobs.offsets import ReplayExpired, check_replayable, plan_positions
from trendscript.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from spark_jobs.batch import Batch
    from spark_jobs.topic_state import TopicIdentity, TopicState

Fault = Literal["OffsetsExpired", "PositionAhead", "TopicRecreated", "ClusterChanged"]


class NothingToAccept(UsageError):
    """Raised when ledger and Kafka agree, so that there is no gap to accept."""


class WholeTopicOnly(UsageError):
    """Raised when single partitions are named, though the whole topic has become another."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Offsets that can't be loaded; without `until_offset` nobody knows where they end."""

    topic_id: str
    partition: int
    from_offset: int
    until_offset: int | None
    fault: Fault


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What is decided: gaps to record, positions to set, a batch to abandon, and the topic that takes over, if any.

    `known` are the positions of that topic that this was decided on; a partition without one has none there.
    """

    identity: TopicIdentity
    gaps: tuple[Gap, ...] = ()
    positions: dict[int, int] = field(default_factory=dict)
    abandoned: Batch | None = None
    takes_over: bool = False
    known: Mapping[int, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As `accept-gap --json` prints it."""
        return {
            "topic": self.identity.topic,
            "topic_id": self.identity.topic_id,
            "takes_over": self.takes_over,
            "gaps": [asdict(gap) for gap in self.gaps],
            "positions": [{"partition": p, "next_offset": offset} for p, offset in sorted(self.positions.items())],
            "abandoned_batch": None if self.abandoned is None else self.abandoned.batch_id,
        }


def decide_gaps(
    state: TopicState, positions: Mapping[int, int], planned: Batch | None, only: Collection[int] = ()
) -> Acceptance:
    """What to give up of a topic that is the ledger's: expired offsets, and those that Kafka ends before.

    `planned` is the unfinished batch with the ranges that are open; it is abandoned when it can't be finished so.
    `only` limits the decision to some partitions. Raises PartitionVanished.
    """
    topic_id, gaps, moved = state.identity.topic_id, list[Gap](), dict[int, int]()
    for partition, position in plan_positions(positions, state).items():
        earliest, end = state.earliest[partition], state.end[partition]
        if only and partition not in only:
            continue
        if earliest > position:
            gaps.append(Gap(topic_id, partition, position, earliest, "OffsetsExpired"))
            moved[partition] = earliest
        elif end < position:
            gaps.append(Gap(topic_id, partition, end, position, "PositionAhead"))
            moved[partition] = end
    lost = [] if planned is None else _lost_of_plan(planned, state, moved, only)
    unfinished = planned is not None and (lost or _is_stuck(planned, state, moved))
    abandoned = planned if unfinished else None
    return Acceptance(state.identity, (*gaps, *lost), moved, abandoned, known=positions)


def _lost_of_plan(planned: Batch, state: TopicState, moved: Collection[int], only: Collection[int]) -> list[Gap]:
    """Offsets that a load was planned to read and that Kafka ends before, though the position itself is held."""
    if planned.kind != "load":
        return []
    return [
        Gap(planned.topic_id, found.partition, state.end[found.partition], found.until_offset, "PositionAhead")
        for found in planned.ranges
        if found.partition not in moved
        and (not only or found.partition in only)
        and state.end[found.partition] < found.until_offset
    ]


def _is_stuck(planned: Batch, state: TopicState, moved: Mapping[int, int]) -> bool:
    """Whether a planned batch begins where a position no longer is, or replays what Kafka has forgotten.

    A replay that reaches behind a position that goes back is given up too, also of the lake: other messages will
    stand at those offsets, and the two must not be mixed up in quarantine.
    """
    if planned.kind == "replay" and any(
        found.until_offset > moved.get(found.partition, found.until_offset) for found in planned.ranges
    ):
        return True
    if planned.source != "kafka":
        return False
    if planned.kind == "load":
        return any(found.partition in moved for found in planned.ranges)
    try:
        check_replayable(planned.topic, planned.ranges, state)
    except ReplayExpired:
        return True
    return False


def decide_takeover(
    known: TopicIdentity,
    state: TopicState,
    positions: Mapping[int, int],
    known_here: Mapping[int, int],
    planned: Batch | None,
) -> Acceptance:
    """What to give up when another topic, or one of another cluster, takes the place of the one that was loaded.

    `positions` are the old topic's, whose end nobody knows; `known_here` those of the new one, mostly none: it
    is then loaded from its earliest offset, as at a first load.
    """
    fault: Fault = "ClusterChanged" if known.cluster_id != state.identity.cluster_id else "TopicRecreated"
    here = decide_gaps(state, known_here, None)
    # Where a cluster goes by another id alone, the same offsets may have expired: that says it then, and once.
    told = {(gap.topic_id, gap.partition) for gap in here.gaps}
    left = tuple(
        Gap(known.topic_id, partition, at, None, fault)
        for partition, at in sorted(positions.items())
        if (known.topic_id, partition) not in told
    )
    begins = plan_positions(known_here, state) | here.positions
    return replace(
        here,
        gaps=(*left, *here.gaps),
        positions=begins,
        abandoned=planned if planned is not None and planned.source == "kafka" else None,
        takes_over=True,
    )
