"""The ledger in schema `pipeline`: who a topic is, what was planned, where each partition goes on.

Runs on the driver. A plan is durable before anything is read, so that a batch id never means two ranges.
"""

from __future__ import annotations

import getpass
import os
import socket
import time
from typing import TYPE_CHECKING, Any

from spark_jobs.batch import Batch, OffsetRange
from spark_jobs.topic_state import TopicIdentity
from trendscript import __version__
from trendscript.logs import run_id

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (psycopg2 spells its classes small)

    from spark_jobs.batch import BatchKind, BatchSource
    from trendscript.contracts.model import Contract


def lock_topic(cursor: Cursor, topic: str) -> TopicIdentity | None:
    """Lock the topic's row until the transaction ends; who it was when first loaded, None when it never was."""
    cursor.execute("set local synchronous_commit = on")
    cursor.execute("select topic, cluster_id, topic_id from pipeline.topic where topic = %s for update", [topic])
    found = cursor.fetchone()
    return None if found is None else TopicIdentity(*found)


def register_topic(cursor: Cursor, identity: TopicIdentity) -> TopicIdentity:
    """Write down who a new topic is, and lock its row; who it is when another planner was first."""
    cursor.execute(
        "insert into pipeline.topic (topic, cluster_id, topic_id) values (%s, %s, %s) on conflict do nothing",
        [identity.topic, identity.cluster_id, identity.topic_id],
    )
    return lock_topic(cursor, identity.topic) or identity


def find_topic(cursor: Cursor, topic: str) -> TopicIdentity | None:
    """Who the topic was when it was first loaded; None when it never was."""
    cursor.execute("select topic, cluster_id, topic_id from pipeline.topic where topic = %s", [topic])
    found = cursor.fetchone()
    return None if found is None else TopicIdentity(*found)


def find_planned(cursor: Cursor, topic: str) -> tuple[Batch, TopicIdentity] | None:
    """The unfinished batch, of whatever kind, with all its ranges, and the topic it was planned on; else None."""
    cursor.execute(
        """
        select batch_id, cluster_id, topic_id, kind, source, letter_reason from pipeline.batch
        where topic = %s and state = 'planned'
        """,
        [topic],
    )
    found = cursor.fetchone()
    if found is None:
        return None
    batch_id, cluster_id, topic_id, kind, source, reason = found
    ranges = _read_ranges(cursor, batch_id)
    batch = Batch(batch_id, topic, topic_id, kind, ranges, resumed=True, source=source, letter_reason=reason)
    return batch, TopicIdentity(topic, cluster_id, topic_id)


def _read_ranges(cursor: Cursor, batch_id: int) -> tuple[OffsetRange, ...]:
    cursor.execute(
        """
        select partition, from_offset, until_offset from pipeline.batch_range
        where batch_id = %s order by partition
        """,
        [batch_id],
    )
    return tuple(OffsetRange(*found) for found in cursor.fetchall())


def committed_partitions(cursor: Cursor, batch_id: int) -> set[int]:
    """Partitions of a batch whose ranges are committed."""
    cursor.execute(
        "select partition from pipeline.batch_range where batch_id = %s and committed_at is not null", [batch_id]
    )
    return {partition for (partition,) in cursor.fetchall()}


def read_positions(cursor: Cursor, topic_id: str) -> dict[int, int]:
    """By partition, the offset after the last one loaded; empty before a topic's first load."""
    cursor.execute("select partition, next_offset from pipeline.position where topic_id = %s", [topic_id])
    return dict(cursor.fetchall())


def save_new_positions(cursor: Cursor, identity: TopicIdentity, positions: dict[int, int]) -> None:
    """Write the positions of partitions that have none; the others stay as they are. The caller commits."""
    cursor.executemany(
        """
        insert into pipeline.position (topic, topic_id, partition, next_offset) values (%s, %s, %s, %s)
        on conflict do nothing
        """,
        [(identity.topic, identity.topic_id, partition, offset) for partition, offset in positions.items()],
    )


def save_plan(  # noqa: PLR0913  (what a batch is)
    cursor: Cursor,
    identity: TopicIdentity,
    contract: Contract,
    ranges: tuple[OffsetRange, ...],
    *,
    kind: BatchKind = "load",
    source: BatchSource = "kafka",
    letter_reason: str | None = None,
) -> Batch:
    """Write a batch and its ranges. The caller commits."""
    # One planner at a time takes a number; topics planned in one millisecond would else take the same.
    # A lock of the table, which hinders nobody else: an advisory lock could be held by whoever may connect.
    cursor.execute("lock table pipeline.batch in share update exclusive mode")
    # A database restored from a backup must not use a batch id again: Delta would skip the batch as already written.
    cursor.execute("select coalesce(max(batch_id), 0) from pipeline.batch")
    batch_id = max(_one(cursor)[0] + 1, time.time_ns() // 1_000_000)
    cursor.execute(
        """
        insert into pipeline.batch (
            batch_id, topic, topic_id, cluster_id, kind, source, letter_reason, state,
            contract_version, code_version, requested_by, run_id
        )
        values (%s, %s, %s, %s, %s, %s, %s, 'planned', %s, %s, %s, %s)
        """,
        [
            batch_id,
            identity.topic,
            identity.topic_id,
            identity.cluster_id,
            kind,
            source,
            letter_reason,
            contract.version,
            __version__,
            requester(),
            run_id(),
        ],
    )
    cursor.executemany(
        "insert into pipeline.batch_range (batch_id, partition, from_offset, until_offset) values (%s, %s, %s, %s)",
        [(batch_id, found.partition, found.from_offset, found.until_offset) for found in ranges],
    )
    return Batch(batch_id, identity.topic, identity.topic_id, kind, ranges, source=source, letter_reason=letter_reason)


def requester() -> str:
    """Who asks or decides; a container's user may have no name."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"


def abandon_batch(cursor: Cursor, batch_id: int, why: str) -> None:
    """Give up what is left of a planned batch; attempts at it are ended. The caller commits."""
    end_older_attempts(cursor, batch_id)
    cursor.execute(
        "update pipeline.batch set state = 'abandoned', decided_by = %s, why = %s where batch_id = %s",
        [requester(), why, batch_id],
    )


def end_older_attempts(cursor: Cursor, batch_id: int) -> None:
    """End connections of earlier attempts at this batch, which may still hold a range's lock."""
    cursor.execute(
        """
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and usename = current_user and pid <> pg_backend_pid()
            and application_name like %s
        """,
        [f"trendscript batch={batch_id} %"],
    )


def _one(cursor: Cursor) -> tuple[Any, ...]:
    found = cursor.fetchone()
    if found is None:
        raise LookupError("a row was expected and none came")
    return found
