"""Finish a batch: ranges without a message are closed, the batch is committed, and what its ranges counted is read."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import orjson
import structlog

from spark_jobs.counts import MessageCounts, TableCounts
from spark_jobs.failures import LoadInterrupted
from spark_jobs.fault_points import reach
from spark_jobs.offsets import PositionMoved
from spark_jobs.report import RangeOutcome, to_batch_report

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (psycopg2 spells its classes small)

    from spark_jobs.batch import Batch, OffsetRange
    from spark_jobs.job import Job
    from spark_jobs.report import BatchReport


_log = structlog.get_logger(__name__)


def finish_batch(job: Job, batch: Batch, empty: list[OffsetRange], seconds: dict[str, float]) -> BatchReport:
    """Close what held no message, and the batch with it; report, and tell `on_batch`, what its transactions counted.

    Raises LoadInterrupted when a range is still open.
    """
    reach("before_finish")
    with (
        job.timed(batch.topic, "finish", seconds),
        job.connected(f"finish {batch.topic}") as connection,
        connection,
        connection.cursor() as cursor,
    ):
        for offset_range in empty:
            close_empty_range(cursor, batch, offset_range)
        if not mark_committed(cursor, batch.batch_id, seconds):
            raise LoadInterrupted(f"{batch.topic}: a range of batch {batch.batch_id} is not committed; load again.")
        outcomes = read_outcomes(cursor, batch.batch_id)
    reach("after_finish")
    report = to_batch_report(batch, outcomes, seconds)
    _log.info(
        "batch_committed",
        topic=batch.topic,
        batch_id=batch.batch_id,
        kind=batch.kind,
        **asdict(report.messages),
        rows=sum(counts.rows for counts in report.tables.values()),
        seconds=seconds,
    )
    # The offsets between a retry's messages are none of its business.
    if report.messages.skipped and batch.source != "quarantine":
        _log.warning("offsets_without_message", topic=batch.topic, batch_id=batch.batch_id, **asdict(report.messages))
    job.on_batch(batch.topic, report)
    return report


def read_outcomes(cursor: Cursor, batch_id: int) -> list[RangeOutcome]:
    """The committed ranges of a batch, by partition, as the transactions that loaded them counted."""
    cursor.execute(
        """
        select partition, read, accepted, quarantined, skipped, tables, seconds from pipeline.batch_range
        where batch_id = %s and committed_at is not null order by partition
        """,
        [batch_id],
    )
    return [_to_outcome(found) for found in cursor.fetchall()]


def _to_outcome(found: tuple[Any, ...]) -> RangeOutcome:
    partition, *messages, tables, seconds = found
    counts = {name: TableCounts(**table) for name, table in (tables or {}).items()}
    return RangeOutcome(partition, MessageCounts(*messages), counts, seconds or {})


def close_empty_range(cursor: Cursor, batch: Batch, empty: OffsetRange) -> None:
    """Close a range of which no task saw a message although all ended: it holds none that a reader may see.

    Raises PositionMoved when the range isn't where its partition goes on. The caller commits.
    """
    cursor.execute(
        """
        update pipeline.batch_range
        set committed_at = now(), attempt = 'driver', read = 0, accepted = 0, quarantined = 0,
            skipped = until_offset - from_offset, tables = '{}', seconds = '{}'
        where batch_id = %s and partition = %s and committed_at is null
        """,
        [batch.batch_id, empty.partition],
    )
    if cursor.rowcount and batch.kind == "load":
        _move_position(cursor, batch, empty)


def _move_position(cursor: Cursor, batch: Batch, passed: OffsetRange) -> None:
    cursor.execute(
        """
        update pipeline.position set next_offset = %s, updated_at = now()
        where topic_id = %s and partition = %s and next_offset = %s
        """,
        [passed.until_offset, batch.topic_id, passed.partition, passed.from_offset],
    )
    if cursor.rowcount != 1:
        raise PositionMoved(batch.topic, passed.partition, passed.from_offset)


def mark_committed(cursor: Cursor, batch_id: int, seconds: dict[str, float] | None = None) -> bool:
    """Set the batch committed, if all its ranges are; whether it is now. The caller commits.

    `seconds` are those of the steps before, kept with the batch.
    """
    cursor.execute(
        """
        update pipeline.batch set state = 'committed', committed_at = now(), seconds = %s::jsonb
        where batch_id = %s and state <> 'abandoned'
            and not exists (
                select from pipeline.batch_range as r where r.batch_id = batch.batch_id and r.committed_at is null
            )
        """,
        [None if seconds is None else orjson.dumps(seconds).decode(), batch_id],
    )
    return bool(cursor.rowcount)
