"""Plan a batch: the ledger and Kafka's offsets go in, a batch that is durable in the ledger comes out."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from spark_jobs import ledger
from spark_jobs.batch import Batch
from spark_jobs.fault_points import reach
from spark_jobs.offsets import (
    check_identity,
    check_positions,
    check_readable,
    plan_positions,
    plan_ranges,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2 spells its classes small)
    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (psycopg2 spells its classes small)

    from spark_jobs.topic_state import TopicState
    from trendscript.contracts.model import Contract


def plan_batch(
    connection: Connection,
    contract: Contract,
    read_state: Callable[[], TopicState],
    ends: dict[int, int],
    max_messages: int,
) -> Batch | None:
    """The batch to load next: an unfinished one as it was planned, else a new one; None when nothing waits.

    The unfinished one may be a replay or a retry: it is finished before anything new is planned.
    Reads up to `ends`, the offsets seen when the run began. A new plan is committed before this returns.
    Raises OffsetsExpired, PositionAhead, PartitionVanished, TopicRecreated or ClusterChanged, changing nothing.
    """
    with connection, connection.cursor() as cursor:
        known = ledger.lock_topic(cursor, contract.topic)
        # Asked under the lock: an answer from before another planner's batch would seem to lie behind the position.
        state = read_state()
        if known is None:
            known = ledger.register_topic(cursor, state.identity)
            state = read_state()  # there was no row to lock before
        check_identity(known, state.identity)
        resumed = resume(cursor, contract.topic, lambda: state)
        if resumed is not None:
            return resumed
        positions = plan_positions(ledger.read_positions(cursor, state.identity.topic_id), state)
        check_positions(positions, state)
        # Also when nothing waits: what expires between a first, empty load and the next one is then noticed.
        ledger.save_new_positions(cursor, state.identity, positions)
        ranges = plan_ranges(positions, _within(ends, positions), max_messages)
        batch = ledger.save_plan(cursor, state.identity, contract, ranges) if ranges else None
        reach("in_plan")
        return batch


def rehearse_plan(connection: Connection, state: TopicState, max_messages: int) -> Batch | None:
    """The batch that a load would begin with, planned in memory: the ledger is read and not written."""
    topic = state.identity.topic
    with connection, connection.cursor() as cursor:
        cursor.execute("set transaction read only")
        known = ledger.find_topic(cursor, topic)
        if known is not None:
            check_identity(known, state.identity)
        pending = find_pending(cursor, topic, lambda: state)
        if pending is not None:
            return pending
        positions = plan_positions(ledger.read_positions(cursor, state.identity.topic_id), state)
    check_positions(positions, state)
    ranges = plan_ranges(positions, state.end, max_messages)
    return Batch(new_number(), topic, state.identity.topic_id, "load", ranges) if ranges else None


def resume(cursor: Cursor, topic: str, read_state: Callable[[], TopicState]) -> Batch | None:
    """The topic's unfinished batch as `find_pending` has it; earlier attempts at it are ended. The caller commits."""
    pending = find_pending(cursor, topic, read_state)
    if pending is not None:
        ledger.end_older_attempts(cursor, pending.batch_id)
    return pending


def find_pending(cursor: Cursor, topic: str, read_state: Callable[[], TopicState]) -> Batch | None:
    """The topic's unfinished batch with only the ranges that aren't committed; the others may have left Kafka since.

    Kafka is asked only for a batch that reads there. Raises what `plan_batch` does, and ReplayExpired.
    """
    planned = ledger.find_planned(cursor, topic)
    if planned is None:
        return None
    batch, identity = planned
    committed = ledger.committed_partitions(cursor, batch.batch_id)
    pending = replace(batch, ranges=tuple(found for found in batch.ranges if found.partition not in committed))
    if batch.source == "kafka":
        state = read_state()
        check_identity(identity, state.identity)
        check_readable(pending, state)
    return pending


def new_number() -> int:
    """The number of a batch that is only rehearsed."""
    return time.time_ns() // 1_000_000


def _within(ends: dict[int, int], positions: dict[int, int]) -> dict[int, int]:
    """End offsets for every partition with a position; one that appeared after `ends` was taken waits."""
    return {partition: ends.get(partition, position) for partition, position in positions.items()}
