"""Tables by the ledger: what ranges wrote goes in, with the rows that are there; where they differ comes out.

A table has as many rows as all ranges of all topics inserted, with the stubs they made and without the children they
deleted, and without what was purged. Each row bears the batch, partition and offset of a range that is committed,
and no more rows bear a range than it wrote. Of a stub nobody knows the offset; one that a purge emptied has no batch.
What is in the rows isn't compared: `replay --dry-run` tells which would come out otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg2 import sql

from spark_jobs.reconciliation import Comparison

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (psycopg2 spells its classes small)

    from spark_jobs.reconcile_ledger import PurgedRows
    from spark_jobs.spans import Span

RangeKey = tuple[int | None, int | None]
"""A batch and a partition; none in a stub that a purge has emptied."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a committed range did to a table: rows it wrote, stubs among them, and by how many rows it grew."""

    span: Span
    rows: int
    stubs: int
    growth: int


@dataclass(frozen=True, slots=True)
class Found:
    """Rows of a table that bear the same range; `stubs` of them bear no offset."""

    rows: int
    stubs: int
    offsets: Span


def find_written_tables(cursor: Cursor, topics: Sequence[str]) -> set[str]:
    """Tables that ranges of these topics wrote to, or might have."""
    cursor.execute(
        """
        select distinct t.name
        from pipeline.batch as b join pipeline.batch_range as r using (batch_id)
        cross join jsonb_object_keys(r.tables) as t (name)
        where b.topic = any(%s) and r.committed_at is not null
        """,
        [list(topics)],
    )
    return {name for (name,) in cursor.fetchall()}


def read_written(cursor: Cursor, table: str) -> dict[RangeKey, Written]:
    """By range, what all topics' ranges wrote to a table; one table at a time, since a long ledger has many ranges."""
    cursor.execute(
        """
        select r.batch_id, r.partition, r.from_offset, r.until_offset,
            coalesce((t.counts ->> 'inserted')::bigint, 0), coalesce((t.counts ->> 'updated')::bigint, 0),
            coalesce((t.counts ->> 'stubs')::bigint, 0), coalesce((t.counts ->> 'deleted')::bigint, 0)
        from pipeline.batch_range as r cross join lateral (select r.tables -> %s as counts) as t
        where r.committed_at is not null and t.counts is not null
        """,
        [table],
    )
    return {
        (batch_id, partition): Written((begin, end), inserted + updated + stubs, stubs, inserted + stubs - deleted)
        for batch_id, partition, begin, end, inserted, updated, stubs, deleted in cursor.fetchall()
    }


def read_found(cursor: Cursor, table: str) -> dict[RangeKey, Found] | None:
    """The table's rows by the range that they bear; None where there is no such table."""
    cursor.execute("select to_regclass(%s) is not null", [table])
    if cursor.fetchone() != (True,):
        return None
    cursor.execute(
        sql.SQL(
            """
            select batch_id, source_partition, count(*), count(*) filter (where source_offset is null),
                coalesce(min(source_offset), 0), coalesce(max(source_offset), -1) + 1
            from {} group by 1, 2
            """
        ).format(sql.Identifier(*table.split(".")))
    )
    return {
        (batch_id, partition): Found(rows, stubs, (begin, end))
        for batch_id, partition, rows, stubs, begin, end in cursor.fetchall()
    }


def compare_table(
    table: str, written: Mapping[RangeKey, Written], purged: PurgedRows, found: Mapping[RangeKey, Found] | None
) -> Comparison:
    """How many rows the table should have, and how many there are."""
    expected = sum(known.growth for known in written.values()) - purged.deleted
    there = 0 if found is None else sum(group.rows for group in found.values())
    faults = ["the table is not there"] if found is None else list(_find_faults(written, purged, found))
    if found is not None and there != expected:
        faults.insert(0, f"{expected:,} rows by the ledger, {there:,} there")
    return Comparison(
        what="rows",
        subject=table,
        ledger=expected,
        found=there,
        faults=tuple(f"{table}: {fault}." for fault in faults),
    )


def _find_faults(
    written: Mapping[RangeKey, Written], purged: PurgedRows, found: Mapping[RangeKey, Found]
) -> Iterator[str]:
    unknown = {key: group for key, group in found.items() if key not in written and key != (None, None)}
    if unknown:
        rows, (batch_id, partition) = sum(group.rows for group in unknown.values()), min(unknown, key=str)
        yield (
            f"{rows:,} there of ranges that wrote none by the ledger, such as batch {batch_id}, partition {partition}"
        )
    emptied = found.get((None, None))
    if emptied is not None and (emptied.rows > purged.emptied or emptied.stubs < emptied.rows):
        yield f"{purged.emptied:,} emptied by purges by the ledger, {emptied.rows:,} there without a batch"
    for key, group in found.items():
        if key in written:
            yield from _find_range_faults(key, written[key], group)


def _find_range_faults(key: RangeKey, known: Written, group: Found) -> Iterator[str]:
    batch_id, partition = key
    where = f"batch {batch_id}, partition {partition}"
    if group.rows > known.rows:
        yield f"{known.rows:,} written by {where} by the ledger, {group.rows:,} there of it"
    if group.stubs > known.stubs:
        yield f"{known.stubs:,} stubs made by {where} by the ledger, {group.stubs:,} there of it without an offset"
    if group.rows > group.stubs and not (known.span[0] <= group.offsets[0] and group.offsets[1] <= known.span[1]):
        yield f"rows of {where} bear offsets that it did not read"
