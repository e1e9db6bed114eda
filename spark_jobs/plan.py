"""Plan a batch: the ledger and Kafka's offsets go in, a batch that is durable in the ledger comes out."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from spark_jobs import ledger
from spark_jobs.batch import Batch
from spark_jobs.offsets import check_held, check_identity, check_positions, plan_positions, plan_ranges

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
        resumed = _resume(cursor, state)
        if resumed is not None:
            return resumed
        positions = plan_positions(ledger.read_positions(cursor, state.identity.topic_id), state)
        check_positions(positions, state)
        # Also when nothing waits: what expires between a first, empty load and the next one is then noticed.
        ledger.save_new_positions(cursor, state.identity, positions)
        ranges = plan_ranges(positions, _within(ends, positions), max_messages)
        return ledger.save_plan(cursor, state.identity, contract, ranges) if ranges else None


def rehearse_plan(connection: Connection, state: TopicState, max_messages: int) -> Batch | None:
    """The batch that a load would begin with, planned in memory: the ledger is read and not written."""
    topic = state.identity.topic
    with connection, connection.cursor() as cursor:
        cursor.execute("set transaction read only")
        known = ledger.find_topic(cursor, topic)
        if known is not None:
            check_identity(known, state.identity)
        planned = ledger.find_planned(cursor, topic, "load")
        if planned is not None:
            batch = _pending(cursor, planned[0])
            check_held(topic, batch.ranges, state)
            return batch
        positions = plan_positions(ledger.read_positions(cursor, state.identity.topic_id), state)
    check_positions(positions, state)
    ranges = plan_ranges(positions, state.end, max_messages)
    return Batch(time.time_ns() // 1_000_000, topic, state.identity.topic_id, "load", ranges) if ranges else None


def _resume(cursor: Cursor, state: TopicState) -> Batch | None:
    planned = ledger.find_planned(cursor, state.identity.topic, "load")
    if planned is None:
        return None
    batch, identity = planned
    check_identity(identity, state.identity)
    ledger.end_older_attempts(cursor, batch.batch_id)
    pending = _pending(cursor, batch)
    check_held(batch.topic, pending.ranges, state)
    return pending


def _pending(cursor: Cursor, batch: Batch) -> Batch:
    """The batch with only the ranges that aren't committed; the others may have left Kafka since."""
    committed = ledger.committed_partitions(cursor, batch.batch_id)
    return replace(batch, ranges=tuple(found for found in batch.ranges if found.partition not in committed))


def _within(ends: dict[int, int], positions: dict[int, int]) -> dict[int, int]:
    """End offsets for every partition with a position; one that appeared after `ends` was taken waits."""
    return {partition: ends.get(partition, position) for partition, position in positions.items()}
