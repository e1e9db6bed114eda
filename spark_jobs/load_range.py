"""Load a range: one partition's raw messages go in; its rows, rejects and position move in one transaction.

Runs on executors, inside `mapInArrow`. Everything it needs travels in a `RangeTask`, but the password.
"""

from __future__ import annotations

import time
import uuid
from collections import Counter
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.connection import executor_dsn
from spark_jobs.counts import CountsDisagree, MessageCounts, TableCounts
from spark_jobs.enforce import Enforcer
from spark_jobs.failures import RangeFailure, to_failure
from spark_jobs.merge import merge_tables
from spark_jobs.offsets import PositionMoved, TopicRecreated
from spark_jobs.statements import quote
from spark_jobs.topic_state import has_visible_message, read_topic_identity
from spark_jobs.transaction import RangeTransaction
from trendscript.errors import NeedsAPerson, TryAgainLater

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from spark_jobs.batch import OffsetRange, RangeTask

OUTCOME_SCHEMA = pa.schema([("partition", pa.int32()), ("status", pa.string()), ("details", pa.string())])

_CREATE_REJECTS = """
create temporary table rejected_messages (
    source_offset bigint, reason text, message_key bytea, message_value bytea, headers text,
    message_timestamp timestamptz
) on commit drop
"""
_KEEP_REJECTS = """
insert into pipeline.dead_letter
    (topic_id, partition, "offset", topic, batch_id, reason, message_key, message_value, headers, message_timestamp)
select $1, $2::integer, source_offset, $3, $4::bigint, reason, message_key, message_value, headers::jsonb,
    message_timestamp
from rejected_messages order by source_offset
on conflict (topic_id, partition, "offset") do update
set state = 'open', reason = excluded.reason, batch_id = excluded.batch_id, closed_at = null, closed_by_batch = null
where dead_letter.state = 'closed'
"""
_COUNT_KEPT = """
select count(*) from rejected_messages as r
join pipeline.dead_letter as d on d.topic_id = $1 and d.partition = $2::integer and d."offset" = r.source_offset
"""
_CLOSE_ACCEPTED = """
update pipeline.dead_letter as d set state = 'closed', closed_at = now(), closed_by_batch = $3::bigint
where d.topic_id = $1 and d.partition = $2::integer and d."offset" >= $4::bigint and d."offset" < $5::bigint
    and d.state = 'open'
    and not exists (select from rejected_messages as r where r.source_offset = d."offset")
"""
_LOCK_RANGE = """
select committed_at is not null from pipeline.batch_range
where batch_id = $1::bigint and partition = $2::integer for update
"""
_MOVE_POSITION = """
update pipeline.position set next_offset = $1::bigint, updated_at = now()
where topic_id = $2 and partition = $3::integer and next_offset = $4::bigint
returning 1
"""
_CLOSE_RANGE = """
update pipeline.batch_range
set committed_at = now(), attempt = $1, read = $2::bigint, accepted = $3::bigint, quarantined = $4::bigint,
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
            "The range was rolled back. Was the database restored while a load ran?"
        )


class ReadingCutOff(TryAgainLater):
    """Raised when a range's messages ended before the range did: Spark's reader failed and closed the stream.

    To the Python side such an end looks like any other, so it has to be told by the offsets.
    """

    def __init__(self, wanted: OffsetRange, reached: int) -> None:
        self.wanted, self.reached = wanted, reached
        super().__init__(f"reading ended at offset {reached}, though messages follow; the range was rolled back.")


@dataclass(slots=True)
class _Staged:
    """What has been copied into temporary tables so far; `reached` is the offset after the last message."""

    reached: int
    read: int = 0
    accepted: int = 0
    quarantined: int = 0
    rows: Counter[str] = field(default_factory=Counter)


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
    return lambda batches: _rehearse(task, batches) if task.dry_run else _load_each(task, batches)


def _load_each(task: RangeTask, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Each range in a transaction of its own."""
    for partition, pieces in split_by_partition(batches):
        wanted = task.batch.range_of(partition)
        with _failures_as_outcomes(str(wanted)) as failed:
            yield _outcome(partition, _load_range(task, wanted, pieces))
        if failed:
            yield _outcome(partition, "failed", failed[0].to_json())


def _rehearse(task: RangeTask, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """All ranges, one after another, in one transaction that is rolled back; what they would have done comes out."""
    with (
        _failures_as_outcomes("dry run") as failed,
        RangeTransaction(executor_dsn(task.dsn, f"trendscript dry run of {task.batch.topic}")) as transaction,
    ):
        for partition, pieces in split_by_partition(batches):
            counts = _move_rows(transaction, task, task.batch.range_of(partition), pieces)
            for stage in ("rejected_messages", "outcomes", *(table.stage for table in task.tables)):
                transaction.execute(f"drop table if exists pg_temp.{quote(stage)}")
            yield _outcome(partition, "rolled back", orjson.dumps(asdict(counts)).decode())
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


def _load_range(task: RangeTask, wanted: OffsetRange, batches: Iterable[pa.RecordBatch]) -> str:
    """Load one range in one transaction; a range that another attempt committed is left as it is."""
    attempt = uuid.uuid4().hex[:8]
    name = f"trendscript batch={task.batch.batch_id} partition={wanted.partition} attempt={attempt}"
    with RangeTransaction(executor_dsn(task.dsn, name)) as transaction:
        if _lock_range(transaction, task, wanted):
            return "already committed"
        counts = _move_rows(transaction, task, wanted, batches)
        if task.batch.kind == "load":
            _move_position(transaction, task, wanted)
        _check_topic(task)
        _close_range(transaction, task, wanted, counts, attempt)
        transaction.commit()
    return "committed"


def _move_rows(
    transaction: RangeTransaction, task: RangeTask, wanted: OffsetRange, batches: Iterable[pa.RecordBatch]
) -> RangeCounts:
    started = time.perf_counter()
    staged = _stage(transaction, task, wanted, batches)
    messages = MessageCounts(staged.read, staged.accepted, staged.quarantined, wanted.offsets - staged.read)
    messages.check(wanted.offsets)
    _check_whole(task, wanted, staged.reached)
    copied = time.perf_counter()
    tables = transaction.retry_deadlocks(
        lambda: merge_tables(transaction, list(task.tables), wanted.partition, task.batch.batch_id)
    )
    _keep_rejects(transaction, task, wanted, staged.quarantined)
    for table in task.tables:
        tables[table.table].check_staged(table.table, staged.rows[table.stage])
    seconds = {"copy": round(copied - started, 3), "merge": round(time.perf_counter() - copied, 3)}
    return RangeCounts(messages, tables, seconds)


def _keep_rejects(transaction: RangeTransaction, task: RangeTask, wanted: OffsetRange, rejected: int) -> None:
    """Move rejects to quarantine, and close letters that are acceptable now.

    Raises CountsDisagree unless quarantine then holds every message that was rejected.
    """
    batch = task.batch
    transaction.execute(_KEEP_REJECTS, batch.topic_id, wanted.partition, batch.topic, batch.batch_id)
    transaction.execute(
        _CLOSE_ACCEPTED, batch.topic_id, wanted.partition, batch.batch_id, wanted.from_offset, wanted.until_offset
    )
    ((kept,),) = transaction.execute(_COUNT_KEPT, batch.topic_id, wanted.partition)
    if kept != rejected:
        raise CountsDisagree(f"{rejected} messages were rejected, and quarantine holds {kept} of them")


def _check_whole(task: RangeTask, wanted: OffsetRange, reached: int) -> None:
    """Raise ReadingCutOff when a reader may still see messages between `reached` and the range's end.

    On topics without transactions and compaction the last message stands right before the end.
    """
    if reached < wanted.until_offset and has_visible_message(
        task.batch.topic, replace(wanted, from_offset=reached), task.bootstrap_servers, task.client_properties
    ):
        raise ReadingCutOff(wanted, reached)


def _stage(
    transaction: RangeTransaction, task: RangeTask, wanted: OffsetRange, batches: Iterable[pa.RecordBatch]
) -> _Staged:
    """COPY rows and rejects into temporary tables as the batches come."""
    transaction.execute(_CREATE_REJECTS)
    for table in task.tables:
        transaction.execute(table.create_stage)
    enforcer = Enforcer(task.contract)
    staged = _Staged(reached=wanted.from_offset)
    for batch in batches:
        staged.reached = max(staged.reached, _last_offset(batch, wanted) + 1)
        enforced = enforcer.enforce(batch)
        for name, rows in enforced.rows.items():
            transaction.copy(f"stage_{name}", rows)
            staged.rows[f"stage_{name}"] += rows.num_rows
        if enforced.rejects.num_rows:
            transaction.copy("rejected_messages", enforced.rejects)
        staged.read += enforced.read
        staged.accepted += enforced.accepted
        staged.quarantined += enforced.rejects.num_rows
    return staged


def _last_offset(batch: pa.RecordBatch, wanted: OffsetRange) -> int:
    offsets = pc.min_max(batch.column("offset")).as_py()
    if not wanted.from_offset <= offsets["min"] <= offsets["max"] < wanted.until_offset:
        raise RuntimeError(f"read offsets {offsets}, planned were those of {wanted}")
    return int(offsets["max"])


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
