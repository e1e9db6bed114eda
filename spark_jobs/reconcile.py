"""Reconcile: ledger, lake, quarantine and tables are counted side by side; what each says of topics comes out.

Ledger, quarantine and tables are read in one snapshot, so a load that runs meanwhile shows in all of them or in none.
The lake is read after it, and only at offsets that the snapshot has.
"""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from spark_jobs.failures import database_failures
from spark_jobs.lake import LakeBroken
from spark_jobs.reconcile_lake import broken_lake, compare_lake, find_kept, read_held
from spark_jobs.reconcile_ledger import PurgedRows, find_topics, read_ledger, read_purged_rows
from spark_jobs.reconcile_offsets import compare_messages, compare_offsets
from spark_jobs.reconcile_quarantine import compare_letters, read_letters
from spark_jobs.reconcile_tables import compare_table, find_written_tables, read_found, read_written
from spark_jobs.reconciliation import Reconciliation
from trendscript.contracts import load_contract, load_contracts
from trendscript.postgres import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (psycopg2 spells its classes small)
    from pyspark.sql import SparkSession

    from spark_jobs.reconcile_lake import Held, Kept
    from spark_jobs.reconcile_ledger import Place, TopicLedger
    from spark_jobs.reconciliation import Comparison

    Listener = Callable[[str, str], None]


def reconcile(
    dsn: str,
    topics: Sequence[str] = (),
    *,
    lake: str | None = None,
    open_spark: Callable[[], SparkSession] | None = None,
    on_step: Listener = lambda _topic, _step: None,
) -> Reconciliation:
    """Compare what the ledger says of these topics, or of all that were ever loaded, with what is there.

    The lake is looked at where `lake` names it; `open_spark` is called only when there is something to look for.
    Tables are counted whole, since several topics may feed them. Raises ContractNotFound for an unknown topic.
    """
    with database_failures("reconcile"), closing(connect(dsn, application_name="trendscript reconcile")) as connection:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        with connection, connection.cursor() as cursor:
            wanted = _find_wanted(cursor, topics)
            comparisons: list[Comparison] = []
            kept: dict[str, dict[Place, Kept]] = {}
            notes: list[str] = []
            for topic in wanted:
                ledger = read_ledger(cursor, topic)  # let go of before the next one's is read
                comparisons += _compare_topic(cursor, ledger, on_step)
                kept[topic] = find_kept(ledger)
                notes += _notes(ledger, lake)
            comparisons += _compare_tables(cursor, wanted, on_step)
    if lake is not None and open_spark is not None:
        comparisons += _compare_lakes(kept, lake, open_spark, on_step)
    return Reconciliation(tuple(comparisons), tuple(notes))


def _find_wanted(cursor: Cursor, topics: Sequence[str]) -> list[str]:
    """These topics, each once, or all that were ever loaded. Raises ContractNotFound for an unknown one."""
    known = find_topics(cursor)
    for topic in topics:
        if topic not in known:
            load_contract(topic)  # one that has none is a misspelling
    return list(dict.fromkeys(topics or known))


def _compare_topic(cursor: Cursor, ledger: TopicLedger, on_step: Listener) -> Iterator[Comparison]:
    on_step(ledger.topic, "ledger")
    yield from compare_offsets(ledger)
    yield from compare_messages(ledger)
    on_step(ledger.topic, "quarantine")
    yield from compare_letters(ledger, read_letters(cursor, ledger.topic))


def _compare_tables(cursor: Cursor, topics: Sequence[str], on_step: Listener) -> Iterator[Comparison]:
    purged = read_purged_rows(cursor)
    for table in _find_tables(cursor, topics):
        on_step("", f"rows of {table}")
        written, found = read_written(cursor, table), read_found(cursor, table)
        yield compare_table(table, written, purged.get(table, PurgedRows()), found)


def _find_tables(cursor: Cursor, topics: Sequence[str]) -> list[str]:
    """Tables that the topics feed, by their contracts of today and by what their batches wrote."""
    contracts = load_contracts()
    of_contracts = {table.physical_name for topic in topics if topic in contracts for table in contracts[topic].tables}
    return sorted(of_contracts.union(find_written_tables(cursor, topics)))


def _compare_lakes(
    kept_by_topic: Mapping[str, Mapping[Place, Kept]],
    lake: str,
    open_spark: Callable[[], SparkSession],
    on_step: Listener,
) -> Iterator[Comparison]:
    for topic, kept in kept_by_topic.items():
        if not kept:
            continue
        spark = open_spark()
        on_step(topic, "lake")
        try:
            held = _read_twice(partial(read_held, spark, lake, topic, kept))
        except LakeBroken as broken:
            yield broken_lake(topic, kept, str(broken))
        else:
            yield from compare_lake(topic, kept, held)


def _read_twice(read: Callable[[], dict[Place, Held]]) -> dict[Place, Held]:
    """Read again what was broken: a purge or vacuum may have deleted files of the version that was being read."""
    try:
        return read()
    except LakeBroken:
        return read()


def _notes(ledger: TopicLedger, lake: str | None) -> Iterator[str]:
    if ledger.unfinished_batch is not None:
        yield f"{ledger.topic}: batch {ledger.unfinished_batch} is under way or was left unfinished; load finishes it."
    if ledger.unfinished_purge:
        yield f"{ledger.topic}: a purge has not reached the lake yet; the next purge of the topic goes on there."
    elsewhere = sum(found.read for found in ledger.loads if not found.in_lake)
    if lake is not None and elsewhere:
        yield f"{ledger.topic}: {elsewhere:,} messages were loaded while the lake was off; it isn't searched for them."
