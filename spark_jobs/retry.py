"""Retry: messages in quarantine meet the contract again; what it accepts now goes into its tables and is closed.

Runs on the driver, without Spark: each range reads its letters within the transaction that closes them.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from spark_jobs import ledger
from spark_jobs.batch import Batch, OffsetRange
from spark_jobs.failures import database_failures
from spark_jobs.finish import finish_batch
from spark_jobs.lease import TopicTaken, take_lease
from spark_jobs.load_range import load_letters
from spark_jobs.plan import find_pending, new_number
from spark_jobs.ranges import check_outcomes, to_range_task
from spark_jobs.report import TopicReport, to_rehearsal_report
from spark_jobs.topic_state import TopicIdentity
from trendscript.errors import TryAgainLater

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2 spells its classes small)
    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (psycopg2 spells its classes small)

    from spark_jobs.job import Job
    from spark_jobs.lease import Lease
    from spark_jobs.report import BatchReport
    from spark_jobs.topic_state import TopicState
    from trendscript.contracts.model import Contract

_Place = tuple[int, int]
_BEGINNING: _Place = (-1, -1)


class BatchUnfinished(TryAgainLater):
    """Raised when a load or replay was left unfinished; it comes first, and needs Spark."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        super().__init__(
            f"{batch.topic}: batch {batch.batch_id}, a {batch.kind}, was left unfinished. "
            f"Run `trendscript load {batch.topic}`, which finishes it, then try again."
        )


def check_idle(cursor: Cursor, topic: str) -> None:
    """Raises BatchUnfinished while a batch is planned: its rows and files are still to come."""
    planned = ledger.find_planned(cursor, topic)
    if planned is not None:
        raise BatchUnfinished(planned[0])


def retry_letters(job: Job, contract: Contract, reason: str | None) -> TopicReport:
    """Try every open letter of a topic once, or those refused for a reason; each is closed or keeps its newest reason.

    Letters of a topic that was made anew since are tried too.
    Raises TopicBusy, LeaseLost, TopicTaken, LoadInterrupted, BatchUnfinished (try again) or RangeRefused (a person
    decides).
    """
    topic = contract.topic
    taken = take_lease(job.dsn, topic, "dead-letters retry", patience=job.patience)
    with database_failures(topic), taken as lease:
        # Looked at by itself: that another kind of batch comes first is no fault that passes while one waits.
        with job.connected(f"retry {topic}") as connection:
            unfinished = _find_unfinished(connection, topic=topic)
        batches: list[BatchReport | None] = []
        if unfinished is not None:
            batches.append(_retry_next(job, contract, lease, partial(_find_unfinished, topic=topic)))
        with job.connected(f"retry {topic}") as connection, connection, connection.cursor() as cursor:
            identities = _find_identities(cursor, topic, reason)
        for identity in identities:
            after: _Place | None = _BEGINNING
            while after is not None:
                after, report = _retry_after(job, contract, lease, identity, reason, after)
                batches.append(report)
    return _report(topic, [report for report in batches if report is not None])


def _retry_after(  # noqa: PLR0913, PLR0917  (what a retry is)
    job: Job, contract: Contract, lease: Lease, identity: TopicIdentity, reason: str | None, after: _Place
) -> tuple[_Place | None, BatchReport | None]:
    """Retry one batch of letters behind a place; where it ends, or None where nothing was left."""
    with job.connected(f"retry {contract.topic}") as connection, connection, connection.cursor() as cursor:
        ranges = _find_ranges(cursor, identity, reason, after, job.max_messages)
    if not ranges:
        return None, None
    plan = partial(_plan, contract=contract, identity=identity, reason=reason, ranges=ranges)
    report = _retry_next(job, contract, lease, plan)
    return (ranges[-1].partition, ranges[-1].until_offset - 1), report


def rehearse_retry(job: Job, contract: Contract, reason: str | None) -> TopicReport:
    """What the first batch of each retry would do; all of it is rolled back. Raises as `retry_letters`."""
    topic, batches = contract.topic, []
    with job.connected(f"dry run of {topic}") as connection, connection, connection.cursor() as cursor:
        cursor.execute("set transaction read only")
        for identity in _find_identities(cursor, topic, reason):
            ranges = _find_ranges(cursor, identity, reason, _BEGINNING, job.max_messages)
            batches.append(
                Batch(
                    new_number(), topic, identity.topic_id, "retry", ranges, source="quarantine", letter_reason=reason
                )
            )
    return _report(topic, [rehearse_letters(job, contract, batch) for batch in batches])


def _report(topic: str, batches: list[BatchReport]) -> TopicReport:
    return TopicReport(topic, tuple(batches), note="" if batches else f"{topic}: nothing in quarantine to try again")


def _retry_next(
    job: Job, contract: Contract, lease: Lease, plan: Callable[[Connection], Batch | None]
) -> BatchReport | None:
    def attempt() -> BatchReport | None:
        lease.check()
        seconds: dict[str, float] = {}
        with job.timed(contract.topic, "plan", seconds), job.connected(f"retry {contract.topic}") as connection:
            batch = plan(connection)
        return None if batch is None else run_retry(job, contract, batch, seconds)

    return job.persist(contract.topic, attempt)


def run_retry(job: Job, contract: Contract, batch: Batch, seconds: dict[str, float]) -> BatchReport:
    """Run a planned retry to its end, range after range."""
    with job.timed(batch.topic, "load", seconds):
        outcomes = [row for found in load_letters(to_range_task(job, contract, batch)) for row in found.to_pylist()]
        check_outcomes(batch.topic, outcomes)
    return finish_batch(job, batch, [], seconds)


def rehearse_letters(job: Job, contract: Contract, batch: Batch) -> BatchReport:
    """What a retry would do, in a transaction that is rolled back."""
    seconds: dict[str, float] = {}
    with job.timed(batch.topic, "dry run", seconds):
        task = to_range_task(job, contract, batch, dry_run=True)
        outcomes = [row for found in load_letters(task) for row in found.to_pylist()]
        check_outcomes(batch.topic, outcomes)
    return to_rehearsal_report(batch, outcomes, seconds)


def _find_identities(cursor: Cursor, topic: str, reason: str | None) -> list[TopicIdentity]:
    """The topics that went by this name and have such letters open."""
    cursor.execute(
        """
        select distinct b.topic, b.cluster_id, d.topic_id
        from pipeline.dead_letter as d join pipeline.batch as b using (batch_id)
        where d.topic = %s and d.state = 'open' and (%s::text is null or d.reason = %s) order by 3, 2
        """,
        [topic, reason, reason],
    )
    return list({found[2]: TopicIdentity(*found) for found in cursor.fetchall()}.values())


def _find_ranges(
    cursor: Cursor, identity: TopicIdentity, reason: str | None, after: _Place, max_messages: int
) -> tuple[OffsetRange, ...]:
    """Ranges, one a partition, that hold the next open letters behind a place."""
    cursor.execute(
        """
        select partition, min("offset"), max("offset") + 1 from (
            select partition, "offset" from pipeline.dead_letter
            where topic_id = %s and state = 'open' and (%s::text is null or reason = %s)
                and (partition, "offset") > (%s, %s)
            order by partition, "offset" limit %s
        ) as letter group by partition order by partition
        """,
        [identity.topic_id, reason, reason, *after, max_messages],
    )
    return tuple(OffsetRange(*found) for found in cursor.fetchall())


def _plan(
    connection: Connection,
    *,
    contract: Contract,
    identity: TopicIdentity,
    reason: str | None,
    ranges: tuple[OffsetRange, ...],
) -> Batch | None:
    """The retry of these ranges, durable in the ledger; when it was planned a moment ago, as it was planned."""
    with _locked(connection, contract.topic) as cursor:
        planned = ledger.find_planned(cursor, contract.topic)
        if planned is not None:
            wanted = (identity.topic_id, "retry", reason, ranges)
            found = planned[0]
            if (found.topic_id, found.kind, found.letter_reason, found.ranges) != wanted:
                raise TopicTaken(found)
            return _find_planned_retry(cursor, contract.topic)
        return ledger.save_plan(
            cursor, identity, contract, ranges, kind="retry", source="quarantine", letter_reason=reason
        )


def _find_unfinished(connection: Connection, *, topic: str) -> Batch | None:
    with _locked(connection, topic) as cursor:
        return _find_planned_retry(cursor, topic)


@contextmanager
def _locked(connection: Connection, topic: str) -> Iterator[Cursor]:
    with connection, connection.cursor() as cursor:
        ledger.lock_topic(cursor, topic)
        yield cursor


def _find_planned_retry(cursor: Cursor, topic: str) -> Batch | None:
    """The retry that was left unfinished. Raises BatchUnfinished where it is another kind of batch."""
    planned = ledger.find_planned(cursor, topic)
    if planned is None:
        return None
    if planned[0].source != "quarantine":
        raise BatchUnfinished(planned[0])
    ledger.end_older_attempts(cursor, planned[0].batch_id)
    return find_pending(cursor, topic, _kafka_is_not_asked)


def _kafka_is_not_asked() -> TopicState:
    raise RuntimeError("a retry reads nothing from Kafka")
