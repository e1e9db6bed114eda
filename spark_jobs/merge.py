"""Merge: a range's staged rows go into their tables; what became of each row comes out as counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spark_jobs.counts import TableCounts
from spark_jobs.fault_points import reach

if TYPE_CHECKING:
    from spark_jobs.statements import TableStatements
    from spark_jobs.transaction import RangeTransaction


def merge_tables(
    transaction: RangeTransaction, tables: list[TableStatements], partition: int, batch_id: int
) -> dict[str, TableCounts]:
    """Merge every table of a range, parents first, and count what the statements did.

    Raises CountsDisagree when a table's rows and outcomes don't add up.
    """
    counts = {table.table: TableCounts() for table in tables}
    for table in tables:
        if table.delete_children is None:
            counts[table.table] = _merge_table(transaction, table, partition, batch_id)
    children = [table for table in tables if table.delete_children]
    deleted = {table.table: _delete_children(transaction, table) for table in reversed(children)}
    for table in children:
        merged = _merge_table(transaction, table, partition, batch_id)
        counts[table.table] = merged + TableCounts(deleted=deleted[table.table])
    for name, table_counts in counts.items():
        table_counts.check(name)
    return counts


def _merge_table(transaction: RangeTransaction, table: TableStatements, partition: int, batch_id: int) -> TableCounts:
    reach("in_merge", partition)
    transaction.execute(table.analyze_stage)
    ((rows, distinct, unchanged, stale, inserted, updated, stubs),) = transaction.execute(
        table.merge, partition, batch_id
    )
    if inserted + updated + unchanged + stale < distinct:
        unchanged, stale = _classify_after_race(transaction, table, partition, inserted + updated)
    merged = TableCounts(rows=rows, inserted=inserted, updated=updated, unchanged=unchanged, stale=stale, stubs=stubs)
    if table.remember_outcomes:
        transaction.execute(table.remember_outcomes, partition, batch_id)
    if table.count_fates:
        return _with_fates(transaction, table, merged, distinct)
    return merged + TableCounts(duplicate=rows - distinct)


def _classify_after_race(
    transaction: RangeTransaction, table: TableStatements, partition: int, written: int
) -> tuple[int, int]:
    """Unchanged and stale once another transaction wrote some of the same keys between compare and insert."""
    ((unchanged, stale),) = transaction.execute(table.classify, partition)
    return unchanged - written, stale


def _with_fates(
    transaction: RangeTransaction, table: TableStatements, merged: TableCounts, distinct: int
) -> TableCounts:
    """A child's counts: those of winning messages, and the rest by what became of their parent."""
    ((unchanged, stale, duplicate),) = transaction.execute(str(table.count_fates))
    won = merged.rows - unchanged - stale - duplicate
    return merged + TableCounts(unchanged=unchanged, stale=stale, duplicate=duplicate + won - distinct)


def _delete_children(transaction: RangeTransaction, table: TableStatements) -> int:
    return len(transaction.execute(str(table.delete_children)))
