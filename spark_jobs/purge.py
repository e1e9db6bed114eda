"""Purge: what was captured before a time leaves a topic's tables, quarantine and lake, and that is written down.

Postgres is done in one transaction, with the ledger's row that says so. The lake follows; a purge that is killed
between the two is finished by the topic's next one.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import orjson
import psycopg2

from spark_jobs import ledger
from spark_jobs.bronze import has_bronze
from spark_jobs.failures import database_failures
from spark_jobs.lease import take_lease
from spark_jobs.purge_lake import PurgedLake, count_old_messages, purge_lake
from spark_jobs.purge_letters import find_old_letters, purge_letters
from spark_jobs.purge_tables import Doomed, lock_tables, purge_tables, to_json
from spark_jobs.retry import check_idle
from spark_jobs.spark_failures import spark_failures
from trendscript.contracts import load_contracts
from trendscript.errors import NeedsAPerson

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2 spells its classes small)
    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (psycopg2 spells its classes small)

    from spark_jobs.job import Job
    from spark_jobs.lake_files import Lake
    from spark_jobs.lease import Lease
    from spark_jobs.purge_letters import PurgedStretch
    from spark_jobs.purge_tables import PurgedTable
    from trendscript.contracts.model import Contract


class JanitorNeeded(NeedsAPerson):
    """Raised when the user may not delete: that is for `pipeline_janitor`, which a load is not."""

    def __init__(self, topic: str, said: str) -> None:
        self.topic, self.said = topic, said
        super().__init__(
            f"{topic}: the user may not purge ({said}). Nothing was changed. Run it with its own user, "
            "POSTGRES_USER=pipeline_janitor; `trendscript migrate` gives that role its rights."
        )


@dataclass(frozen=True, slots=True)
class PurgeReport:
    """What left a topic. `lake` is None where there is none; `resumed` earlier purges were finished in the lake."""

    topic: str
    tables: dict[str, PurgedTable] = field(default_factory=dict)
    letters: int = 0
    lake: PurgedLake | None = None
    resumed: int = 0
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """The topic as `purge --json` prints it."""
        report: dict[str, Any] = {
            "topic": self.topic,
            "tables": to_json(self.tables),
            "dead_letters": self.letters,
            "lake": None if self.lake is None else self.lake.to_json(),
            "resumed": self.resumed,
        }
        return report | ({"note": self.note} if self.note else {})


_LAKE_ELSEWHERE = (
    "the lake that was loaded is not at LAKE_PATH, and keeps what was deleted here. "
    "Purge again where LAKE_PATH names it: that finishes this purge too."
)


@dataclass(frozen=True, slots=True)
class _Unfinished:
    """A purge that has yet to reach the lake."""

    purge_id: int
    doomed: Doomed


def purge_topic(job: Job, contract: Contract, doomed: Doomed, lake: Lake | None) -> PurgeReport:
    """Delete what is to go of a topic; first what an earlier purge has left in the lake.

    Raises TopicBusy, LeaseLost, BatchUnfinished, LoadInterrupted, SparkDied (try again), JanitorNeeded, LakeBroken or
    LakeRefused.
    """
    topic = contract.topic
    with (
        database_failures(topic),
        spark_failures(topic),
        take_lease(job.dsn, topic, "purge", patience=job.patience) as lease,
        job.connected(f"purge {topic}") as connection,
    ):
        if not _was_loaded(connection, topic):
            return _nothing(topic)
        job.on_step(topic, "tables and quarantine")
        report = _purge_postgres(connection, lease, contract, doomed, keep=True)
        if lake is not None:
            job.on_step(topic, "lake")
        return _purge_lake(connection, lease, contract, lake, report)


def rehearse_purge(job: Job, contract: Contract, doomed: Doomed, lake: Lake | None) -> PurgeReport:
    """What a purge would delete, found out by doing it in a transaction that is rolled back; the lake is only counted.

    Raises as `purge_topic`.
    """
    topic = contract.topic
    with (
        database_failures(topic),
        take_lease(job.dsn, topic, "purge --dry-run", patience=job.patience) as lease,
        job.connected(f"dry run of {topic}") as connection,
    ):
        if not _was_loaded(connection, topic):
            return _nothing(topic)
        job.on_step(topic, "dry run")
        report = _purge_postgres(connection, lease, contract, doomed, keep=False)
    if lake is None:
        return report
    with spark_failures(topic):
        messages = count_old_messages(lake.open_spark(), lake.address, contract, doomed)
    return replace(report, lake=PurgedLake(messages))


def _was_loaded(connection: Connection, topic: str) -> bool:
    with connection, connection.cursor() as cursor:
        return ledger.find_topic(cursor, topic) is not None


def _nothing(topic: str) -> PurgeReport:
    return PurgeReport(topic, note=f"{topic}: nothing of it was ever loaded")


def _purge_postgres(
    connection: Connection, lease: Lease, contract: Contract, doomed: Doomed, *, keep: bool
) -> PurgeReport:
    topic = contract.topic
    try:
        with connection, connection.cursor() as cursor:
            check_idle(cursor, topic)
            contracts = load_contracts().values()
            # Before the tables are locked: loads of other topics into them would wait for the reading.
            old = find_old_letters(connection, topic, doomed)
            lock_tables(cursor, contract, contracts)
            lease.check()  # the reading may have taken minutes
            check_idle(cursor, topic)
            tables = purge_tables(cursor, contract, contracts, doomed)
            letters = purge_letters(cursor, old)
            if keep:
                _record(cursor, topic, doomed, tables, letters)
            else:
                connection.rollback()
    except psycopg2.errors.InsufficientPrivilege as refused:
        raise JanitorNeeded(topic, " ".join(str(refused).split())) from refused
    return PurgeReport(topic, tables, sum(found.unclosed + found.closed for found in letters))


def _record(
    cursor: Cursor, topic: str, doomed: Doomed, tables: dict[str, PurgedTable], letters: list[PurgedStretch]
) -> None:
    cursor.execute(
        """
        insert into pipeline.purge (topic, older_than, source, after_batch, tables, letters, requested_by)
        select %s, %s, %s, coalesce(max(b.batch_id), 0), %s, %s, %s from pipeline.batch as b where b.topic = %s
        """,
        [
            topic,
            doomed.before,
            doomed.source,
            orjson.dumps(to_json(tables)).decode(),
            orjson.dumps([found.to_json() for found in letters]).decode(),
            ledger.requester(),
            topic,
        ],
    )


def _purge_lake(
    connection: Connection, lease: Lease, contract: Contract, lake: Lake | None, report: PurgeReport
) -> PurgeReport:
    """Do in the lake what purges have yet to do there, this one last."""

    def check_ours() -> None:
        lease.check()
        with connection, connection.cursor() as cursor:
            check_idle(cursor, contract.topic)

    unfinished = _find_unfinished(connection, contract.topic)
    if _is_elsewhere(connection, contract.topic, lake):
        return replace(report, note=f"{contract.topic}: {_LAKE_ELSEWHERE}")
    done: list[PurgedLake] = []
    for found in unfinished:
        if lake is not None:
            done.append(purge_lake(lake.open_spark(), lake.address, contract, found.doomed, check_ours))
        _finish(connection, found.purge_id, done[-1] if done else None)
    total = PurgedLake(
        sum(one.messages for one in done), sum(one.silver_rows for one in done), sum(one.freed_bytes for one in done)
    )
    return replace(report, lake=None if lake is None else total, resumed=max(0, len(unfinished) - 1))


def _is_elsewhere(connection: Connection, topic: str, lake: Lake | None) -> bool:
    """Whether the lake that holds the topic's messages is not the one given: what is to go there is still to come."""
    with connection, connection.cursor() as cursor:
        cursor.execute("select exists (select from pipeline.batch where topic = %s and in_lake)", [topic])
        found = cursor.fetchone()
    held = found is not None and bool(found[0])
    return held and (lake is None or not has_bronze(lake.open_spark(), lake.address, topic))


def _find_unfinished(connection: Connection, topic: str) -> list[_Unfinished]:
    with connection, connection.cursor() as cursor:
        cursor.execute(
            """
            select purge_id, older_than, source from pipeline.purge
            where topic = %s and finished_at is null order by purge_id
            """,
            [topic],
        )
        return [_Unfinished(purge_id, Doomed(before, source)) for purge_id, before, source in cursor.fetchall()]


def _finish(connection: Connection, purge_id: int, done: PurgedLake | None) -> None:
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "update pipeline.purge set finished_at = now(), lake = %s where purge_id = %s",
            [None if done is None else orjson.dumps(asdict(done)).decode(), purge_id],
        )
