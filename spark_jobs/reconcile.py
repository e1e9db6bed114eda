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
from spark_jobs.reconcile_tables import compare_table, read_found, read_written
from spark_jobs.reconciliation import Reconciliation
from trendscript.contracts import load_contract, load_contracts
from trendscript.postgres import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (psycopg2 spells its classes small)
    from pyspark.sql import SparkSession

    from spark_jobs.reconcile_lake import Held
    from spark_jobs.reconcile_ledger import Place, TopicLedger
    from spark_jobs.reconcile_tables import RangeKey, Written
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
            ledgers = _read_ledgers(cursor, topics)
            comparisons = [found for ledger in ledgers for found in _compare_topic(cursor, ledger, on_step)]
            comparisons += _compare_tables(cursor, ledgers, on_step)
    if lake is not None and open_spark is not None:
        comparisons += _compare_lakes(ledgers, lake, open_spark, on_step)
    return Reconciliation(tuple(comparisons), tuple(note for ledger in ledgers for note in _notes(ledger, lake)))


def _read_ledgers(cursor: Cursor, topics: Sequence[str]) -> list[TopicLedger]:
    known = find_topics(cursor)
    for topic in topics:
        if topic not in known:
            load_contract(topic)  # one that has none is a misspelling
    return [read_ledger(cursor, topic) for topic in dict.fromkeys(topics or known)]


def _compare_topic(cursor: Cursor, ledger: TopicLedger, on_step: Listener) -> Iterator[Comparison]:
    on_step(ledger.topic, "ledger")
    yield from compare_offsets(ledger)
    yield from compare_messages(ledger)
    on_step(ledger.topic, "quarantine")
    yield from compare_letters(ledger, read_letters(cursor, ledger.topic))


def _compare_tables(cursor: Cursor, ledgers: Sequence[TopicLedger], on_step: Listener) -> Iterator[Comparison]:
    written, purged = read_written(cursor), read_purged_rows(cursor)
    for table in _find_tables(ledgers, written):
        on_step("", f"rows of {table}")
        yield compare_table(table, written.get(table, {}), purged.get(table, PurgedRows()), read_found(cursor, table))


def _find_tables(ledgers: Sequence[TopicLedger], written: Mapping[str, Mapping[RangeKey, Written]]) -> list[str]:
    """Tables that the topics feed, by their contracts of today and by what their batches wrote."""
    topics, contracts = {ledger.topic for ledger in ledgers}, load_contracts()
    batches = {found.batch_id for ledger in ledgers for found in ledger.ranges}
    fed = {table for table, ranges in written.items() if any(batch_id in batches for batch_id, _ in ranges)}
    return sorted(
        fed.union(table.physical_name for topic in topics & set(contracts) for table in contracts[topic].tables)
    )


def _compare_lakes(
    ledgers: Sequence[TopicLedger], lake: str, open_spark: Callable[[], SparkSession], on_step: Listener
) -> Iterator[Comparison]:
    for ledger in ledgers:
        kept = find_kept(ledger)
        if not kept:
            continue
        spark = open_spark()
        on_step(ledger.topic, "lake")
        try:
            held = _read_twice(partial(read_held, spark, lake, ledger.topic, kept))
        except LakeBroken as broken:
            yield broken_lake(ledger.topic, kept, str(broken))
        else:
            yield from compare_lake(ledger.topic, kept, held)


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
