"""Letters of a range: quarantined messages are read and locked, and closed where accepted, in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from spark_jobs.counts import CountsDisagree
from spark_jobs.raw_messages import RAW_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spark_jobs.batch import Batch, OffsetRange
    from spark_jobs.transaction import RangeTransaction

LETTERS = "retried_letters"

# In pieces of 16 MB, since a letter may have 8 MiB and there may be many.
_LOCK_LETTERS = """
create temporary table retried_letters on commit drop as
with locked as materialized (
    select "offset", 1000 + coalesce(octet_length(message_value), 0) as size from pipeline.dead_letter
    where topic_id = $1 and partition = $2::integer and "offset" >= $3::bigint and "offset" < $4::bigint
        and state = 'open' and ($5 = '' or reason = $5)
    order by "offset" for update
)
select "offset", (sum(size) over (order by "offset") / 16000000)::integer as piece from locked
"""
_PIECES = "select distinct piece from retried_letters order by piece"
_READ_PIECE = """
select "offset", message_value from pipeline.dead_letter join retried_letters using ("offset")
where topic_id = $1 and partition = $2::integer and piece = $3::integer order by "offset"
"""
_CLOSE_RETRIED = """
update pipeline.dead_letter as d set state = 'closed', closed_at = now(), closed_by_batch = $3::bigint
from retried_letters as l
where d.topic_id = $1 and d.partition = $2::integer and d."offset" = l."offset"
    and not exists (select from rejected_messages as r where r.source_offset = d."offset")
returning 1
"""


def read_letters(transaction: RangeTransaction, batch: Batch, wanted: OffsetRange) -> Iterator[pa.RecordBatch]:
    """The range's open letters as raw messages, by offset; they stay locked until the transaction ends.

    Only values come out: that is all a contract looks at, and the letter keeps the rest.
    """
    transaction.execute(
        _LOCK_LETTERS,
        batch.topic_id,
        wanted.partition,
        wanted.from_offset,
        wanted.until_offset,
        batch.letter_reason or "",
    )
    for (piece,) in transaction.execute(_PIECES):
        found = transaction.execute(_READ_PIECE, batch.topic_id, wanted.partition, piece)
        yield _to_batch(wanted.partition, [offset for offset, _ in found], [value for _, value in found])


def _to_batch(partition: int, offsets: list[int], values: list[bytes | None]) -> pa.RecordBatch:
    known = {"partition": [partition] * len(offsets), "offset": offsets, "value": values}
    columns = [
        pa.array(known[name], kind) if name in known else pa.nulls(len(offsets), kind)
        for name, kind in zip(RAW_SCHEMA.names, RAW_SCHEMA.types, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=RAW_SCHEMA)


def close_retried(transaction: RangeTransaction, batch: Batch, wanted: OffsetRange, accepted: int) -> None:
    """Close the letters that were read and not refused again; others of the range are left alone.

    Raises CountsDisagree unless those are as many as were accepted.
    """
    closed = transaction.execute(_CLOSE_RETRIED, batch.topic_id, wanted.partition, batch.batch_id)
    if len(closed) != accepted:
        raise CountsDisagree(f"{accepted} quarantined messages were accepted, and {len(closed)} letters were closed")
