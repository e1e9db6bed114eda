"""Load a range: one partition's raw messages go in; its rows, rejects and position move in one transaction.

Runs on executors, inside `mapInArrow`. Everything it needs travels in a `RangeTask`, but the password.
"""

from __future__ import annotations

import time
import uuid
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.ceiling import check_ceiling
from spark_jobs.connection import executor_dsn
from spark_jobs.counts import MessageCounts, TableCounts
from spark_jobs.failures import RangeFailure, to_failure
from spark_jobs.fault_points import reach
from spark_jobs.kafka_reader import read_range
from spark_jobs.letters import LETTERS, read_letters
from spark_jobs.merge import merge_tables
from spark_jobs.messages import pick_ranges
from spark_jobs.offsets import PositionMoved, TopicRecreated
from spark_jobs.staging import READ_LETTERS, check_whole, keep_rejects, stage_messages
from spark_jobs.statements import quote
from spark_jobs.topic_state import read_topic_identity
from spark_jobs.transaction import RangeTransaction
from trendscript.errors import NeedsAPerson
from trendscript.kafka import librdkafka_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from spark_jobs.batch import OffsetRange, RangeTask

    _Reader = Callable[[RangeTransaction], Iterable[pa.RecordBatch]]

OUTCOME_SCHEMA = pa.schema([("partition", pa.int32()), ("status", pa.string()), ("details", pa.string())])

# An abandoned batch's range is not found; the share lock keeps the batch from being abandoned until this ends.
_LOCK_RANGE = """
select r.committed_at is not null from pipeline.batch_range as r join pipeline.batch as b using (batch_id)
where r.batch_id = $1::bigint and r.partition = $2::integer and (r.committed_at is not null or b.state = 'planned')
for update of r for share of b
"""
_MOVE_POSITION = """
update pipeline.position set next_offset = $1::bigint, updated_at = now()
where topic_id = $2 and partition = $3::integer and next_offset = $4::bigint
returning 1
"""
_CLOSE_RANGE = """
update pipeline.batch_range
set committed_at = clock_timestamp(), attempt = $1, read = $2::bigint, accepted = $3::bigint, quarantined = $4::bigint,
    skipped = $5::bigint, tables = $6::text::jsonb, seconds = $7::text::jsonb
where batch_id = $8::bigint and partition = $9::integer and committed_at is null
returning 1
"""


class RangeUnknown(NeedsAPerson):
    """Raised when the ledger has no such open range: the database was replaced between plan and load."""

    def __init__(self, topic: str, batch_id: int, partition: int) -> None:
        self.topic, self.batch_id, self.partition = topic, batch_id, partition
        super().__init__(
            f"{topic}: the ledger has no open range for partition {partition} of batch {batch_id}. "
            "The range was rolled back. Was the database restored, or the batch abandoned, while a load ran?"
        )


@dataclass(frozen=True, slots=True)
class RangeCounts:
    """What became of a range's messages and rows, and the seconds its steps took."""

    messages: MessageCounts
    tables: dict[str, TableCounts]
    seconds: dict[str, float]


def range_loader(task: RangeTask) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """The function that `mapInArrow` runs: raw messages of one or more whole ranges in, one outcome a range out.

    A failure of the world comes out as an outcome too, so that ranges beside it end as they should.
    """
    return lambda batches: _load(
        task,
        (
            (task.batch.range_of(partition), partial(_given, pieces))
            for partition, pieces in split_by_partition(batches)
        ),
    )


def kafka_loader(task: RangeTask) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """The same for ranges that the task itself reads from Kafka: their places in the plan come in."""
    return lambda numbers: _load(
        task, ((wanted, partial(_from_kafka, task, wanted)) for wanted in pick_ranges(task.batch, numbers))
    )


def _from_kafka(task: RangeTask, wanted: OffsetRange, _transaction: RangeTransaction) -> Iterator[pa.RecordBatch]:
    options = librdkafka_options(task.bootstrap_servers, task.client_properties)
    return read_range(task.batch.topic, wanted, options)


def load_letters(task: RangeTask) -> Iterator[pa.RecordBatch]:
    """Load the ranges of a retry here and now: each reads its messages from quarantine in its own transaction."""
    return _load(
        task, ((wanted, partial(read_letters, batch=task.batch, wanted=wanted)) for wanted in task.batch.ranges)
    )


def _given(pieces: Iterator[pa.RecordBatch], _transaction: RangeTransaction) -> Iterator[pa.RecordBatch]:
    return pieces


def _load(task: RangeTask, readings: Iterable[tuple[OffsetRange, _Reader]]) -> Iterator[pa.RecordBatch]:
    return _rehearse(task, readings) if task.dry_run else _load_each(task, readings)


def _load_each(task: RangeTask, readings: Iterable[tuple[OffsetRange, _Reader]]) -> Iterator[pa.RecordBatch]:
    """Each range in a transaction of its own."""
    for wanted, read in readings:
        with _failures_as_outcomes(str(wanted)) as failed:
            yield _outcome(wanted.partition, _load_range(task, wanted, read))
        if failed:
            yield _outcome(wanted.partition, "failed", failed[0].to_json())


def _rehearse(task: RangeTask, readings: Iterable[tuple[OffsetRange, _Reader]]) -> Iterator[pa.RecordBatch]:
    """All ranges, one after another, in one transaction that is rolled back; what they would have done comes out."""
    with (
        _failures_as_outcomes("dry run") as failed,
        RangeTransaction(executor_dsn(task.dsn), f"trendscript dry run of {task.batch.topic}") as transaction,
    ):
        for wanted, read in readings:
            counts = _move_rows(transaction, task, wanted, read)
            for stage in (
                "rejected_messages",
                READ_LETTERS,
                "outcomes",
                LETTERS,
                *(table.stage for table in task.tables),
            ):
                transaction.execute(f"drop table if exists pg_temp.{quote(stage)}")
            yield _outcome(wanted.partition, "rolled back", orjson.dumps(asdict(counts)).decode())
    if failed:
        yield _outcome(-1, "failed", failed[0].to_json())


@contextmanager
def _failures_as_outcomes(where: str) -> Iterator[list[RangeFailure]]:
    """Gathers a failure of the world, with the place it was met in; a bug goes through."""
    failures: list[RangeFailure] = []
    try:
        yield failures
    except Exception as error:
        failure = to_failure(error)
        if failure is None:
            raise
        failures.append(replace(failure, text=f"{where}: {failure.text}"))


def _outcome(partition: int, status: str, details: str = "{}") -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(
        [{"partition": partition, "status": status, "details": details}], schema=OUTCOME_SCHEMA
    )


def split_by_partition(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, Iterator[pa.RecordBatch]]]:
    """Pieces of the batches that hold one Kafka partition each, gathered by partition as they come."""
    pieces = (piece for batch in batches for piece in _pieces(batch))
    for partition, group in groupby(pieces, key=itemgetter(0)):
        yield partition, (piece for _, piece in group)


def _pieces(batch: pa.RecordBatch) -> Iterator[tuple[int, pa.RecordBatch]]:
    for partition in pc.unique(batch.column("partition")).to_pylist():
        yield partition, batch.filter(pc.equal(batch.column("partition"), partition))


def _load_range(task: RangeTask, wanted: OffsetRange, read: _Reader) -> str:
    """Load one range in one transaction; a range that another attempt committed is left as it is."""
    attempt = uuid.uuid4().hex[:8]
    name = f"trendscript batch={task.batch.batch_id} partition={wanted.partition} attempt={attempt}"
    with RangeTransaction(executor_dsn(task.dsn), name) as transaction:
        if _lock_range(transaction, task, wanted):
            return "already committed"
        counts = _move_rows(transaction, task, wanted, read)
        if task.batch.kind == "load":
            _move_position(transaction, task, wanted)
        if task.batch.source == "kafka":
            _check_topic(task)
        _close_range(transaction, task, wanted, counts, attempt)
        reach("before_commit", wanted.partition)
        transaction.commit()
    reach("after_commit_before_ack", wanted.partition)
    return "committed"


def _move_rows(transaction: RangeTransaction, task: RangeTask, wanted: OffsetRange, read: _Reader) -> RangeCounts:
    started = time.perf_counter()
    staged = stage_messages(transaction, task, wanted, read(transaction))
    messages = MessageCounts(staged.read, staged.accepted, staged.quarantined, wanted.offsets - staged.read)
    messages.check(wanted.offsets)
    # A retry reads what was refused before, so that most of it being refused again is no news.
    if task.batch.kind != "retry":
        check_ceiling(task.contract, staged.read, staged.reasons, task.batch.kind)
    check_whole(task, wanted, staged)
    reach("after_copy", wanted.partition)
    copied = time.perf_counter()
    tables = transaction.retry_deadlocks(
        lambda: merge_tables(transaction, list(task.tables), wanted.partition, task.batch.batch_id)
    )
    keep_rejects(transaction, task, wanted, staged)
    for table in task.tables:
        tables[table.table].check_staged(table.table, staged.rows[table.stage])
    seconds = {"copy": round(copied - started, 3), "merge": round(time.perf_counter() - copied, 3)}
    return RangeCounts(messages, tables, seconds)


def _lock_range(transaction: RangeTransaction, task: RangeTask, wanted: OffsetRange) -> bool:
    """Lock the range's ledger row; whether an earlier or a speculative attempt has committed it."""
    found = transaction.execute(_LOCK_RANGE, task.batch.batch_id, wanted.partition)
    if not found:
        raise RangeUnknown(task.batch.topic, task.batch.batch_id, wanted.partition)
    return bool(found[0][0])


def _move_position(transaction: RangeTransaction, task: RangeTask, wanted: OffsetRange) -> None:
    moved = transaction.execute(
        _MOVE_POSITION, wanted.until_offset, task.batch.topic_id, wanted.partition, wanted.from_offset
    )
    if len(moved) != 1:
        raise PositionMoved(task.batch.topic, wanted.partition, wanted.from_offset)


def _check_topic(task: RangeTask) -> None:
    """Ask once more which topic this is: it may have been deleted and created again while it was read."""
    found = read_topic_identity(task.batch.topic, task.bootstrap_servers, task.client_properties)
    if found.topic_id != task.batch.topic_id:
        raise TopicRecreated(task.batch.topic, task.batch.topic_id, found.topic_id)


def _close_range(
    transaction: RangeTransaction, task: RangeTask, wanted: OffsetRange, counts: RangeCounts, attempt: str
) -> None:
    messages = counts.messages
    closed = transaction.execute(
        _CLOSE_RANGE,
        attempt,
        messages.read,
        messages.accepted,
        messages.quarantined,
        messages.skipped,
        orjson.dumps({name: asdict(table) for name, table in counts.tables.items()}).decode(),
        orjson.dumps(counts.seconds).decode(),
        task.batch.batch_id,
        wanted.partition,
    )
    if len(closed) != 1:
        raise RangeUnknown(task.batch.topic, task.batch.batch_id, wanted.partition)
