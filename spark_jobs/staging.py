"""A range's rows: raw messages are copied into temporary tables, and rejects move to quarantine.

Runs on executors, inside the range's transaction.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.counts import CountsDisagree
from spark_jobs.enforce import Enforcer
from spark_jobs.failures import ReadingCutOff
from spark_jobs.fault_points import reach
from spark_jobs.letters import close_retried
from spark_jobs.topic_state import has_visible_message

if TYPE_CHECKING:
    from collections.abc import Iterable

    from spark_jobs.batch import OffsetRange, RangeTask
    from spark_jobs.transaction import RangeTransaction

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
    or (dead_letter.state = 'open' and dead_letter.reason is distinct from excluded.reason)
"""
_COUNT_KEPT = """
select count(*) from rejected_messages as r
join pipeline.dead_letter as d on d.topic_id = $1 and d.partition = $2::integer and d."offset" = r.source_offset
"""
_FIND_LETTERS = """
select "offset" from pipeline.dead_letter
where topic_id = $1 and partition = $2::integer and "offset" >= $3::bigint and "offset" < $4::bigint
    and state in ('open', 'discarded')
"""
READ_LETTERS = "read_letters"
"""The temporary table of letters whose message has come again."""

_CREATE_READ_LETTERS = f"create temporary table {READ_LETTERS} (source_offset bigint) on commit drop"
_CLOSE_ACCEPTED = """
update pipeline.dead_letter as d set state = 'closed', closed_at = now(), closed_by_batch = $3::bigint
where d.topic_id = $1 and d.partition = $2::integer and d.state in ('open', 'discarded')
    and exists (select from read_letters as l where l.source_offset = d."offset")
    and not exists (select from rejected_messages as r where r.source_offset = d."offset")
"""


@dataclass(slots=True)
class Staged:
    """What has been copied into temporary tables so far, and why the rest was refused.

    `reached` is the offset after the last message.
    """

    reached: int
    read: int = 0
    accepted: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)

    @property
    def quarantined(self) -> int:
        """How many messages were refused."""
        return self.reasons.total()


def stage_messages(
    transaction: RangeTransaction, task: RangeTask, wanted: OffsetRange, batches: Iterable[pa.RecordBatch]
) -> Staged:
    """COPY rows and rejects into temporary tables as the batches come."""
    transaction.execute(_CREATE_REJECTS)
    for table in task.tables:
        transaction.execute(table.create_stage)
    letters = _find_letters(transaction, task, wanted)
    enforcer = Enforcer(task.contract)
    staged = Staged(reached=wanted.from_offset)
    for batch in batches:
        staged.reached = max(staged.reached, _last_offset(batch, wanted) + 1)
        _note_letters(transaction, letters, batch)
        enforced = enforcer.enforce(batch)
        for name, rows in enforced.rows.items():
            transaction.copy(f"stage_{name}", rows)
            staged.rows[f"stage_{name}"] += rows.num_rows
        if enforced.rejects.num_rows:
            transaction.copy("rejected_messages", enforced.rejects)
            staged.reasons.update(enforced.rejects.column("reason").to_pylist())
        staged.read += enforced.read
        staged.accepted += enforced.accepted
        reach("in_copy", wanted.partition)
    return staged


def _find_letters(transaction: RangeTransaction, task: RangeTask, wanted: OffsetRange) -> pa.Array:
    """Offsets of the range that are in quarantine; a retry knows its own."""
    transaction.execute(_CREATE_READ_LETTERS)
    if task.batch.source == "quarantine":
        return pa.array([], pa.int64())
    span = (wanted.from_offset, wanted.until_offset)
    found = transaction.execute(_FIND_LETTERS, task.batch.topic_id, wanted.partition, *span)
    return pa.array([offset for (offset,) in found], pa.int64())


def _note_letters(transaction: RangeTransaction, letters: pa.Array, batch: pa.RecordBatch) -> None:
    """Remember which letters' messages are in the batch: one that did not come again was not accepted either."""
    if not len(letters):
        return
    offsets = batch.column("offset").cast(pa.int64())
    read = offsets.filter(pc.is_in(offsets, value_set=letters))
    if len(read):
        transaction.copy(READ_LETTERS, pa.RecordBatch.from_arrays([read], names=["source_offset"]))


def _last_offset(batch: pa.RecordBatch, wanted: OffsetRange) -> int:
    offsets = pc.min_max(batch.column("offset")).as_py()
    if not wanted.from_offset <= offsets["min"] <= offsets["max"] < wanted.until_offset:
        raise RuntimeError(f"read offsets {offsets}, planned were those of {wanted}")
    return int(offsets["max"])


def check_whole(task: RangeTask, wanted: OffsetRange, staged: Staged) -> None:
    """Raise ReadingCutOff when the range may hold messages that were not read.

    In Kafka those are what a reader can see between the last one read and the range's end; on topics without
    transactions and compaction the last message stands right before the end. Of the lake it was counted before.
    """
    reached = staged.reached
    if task.expected is not None and staged.read != task.expected.get(wanted.partition, 0):
        raise ReadingCutOff(wanted, reached)
    if (
        task.batch.source == "kafka"
        and reached < wanted.until_offset
        and has_visible_message(
            task.batch.topic, replace(wanted, from_offset=reached), task.bootstrap_servers, task.client_properties
        )
    ):
        raise ReadingCutOff(wanted, reached)


def keep_rejects(transaction: RangeTransaction, task: RangeTask, wanted: OffsetRange, staged: Staged) -> None:
    """Move rejects to quarantine, and close letters that are acceptable now; those of a retry are there already.

    Raises CountsDisagree unless quarantine then holds every message that was rejected.
    """
    batch = task.batch
    transaction.execute(_KEEP_REJECTS, batch.topic_id, wanted.partition, batch.topic, batch.batch_id)
    if batch.source == "quarantine":
        close_retried(transaction, batch, wanted, staged.accepted)
    else:
        transaction.execute(_CLOSE_ACCEPTED, batch.topic_id, wanted.partition, batch.batch_id)
    ((kept,),) = transaction.execute(_COUNT_KEPT, batch.topic_id, wanted.partition)
    if kept != staged.quarantined:
        raise CountsDisagree(f"{staged.quarantined} messages were rejected, and quarantine holds {kept} of them")
