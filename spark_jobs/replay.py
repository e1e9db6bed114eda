"""Replay: offsets that were loaded before are loaded again, so that a mended contract takes effect on them.

A replay moves no position, writes nothing to bronze, and leaves rows alone that would come out as they are.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from spark_jobs import ledger
from spark_jobs.batch import Batch
from spark_jobs.failures import database_failures
from spark_jobs.lake import check_held_by_lake, count_held, find_lake_offsets_since
from spark_jobs.lease import TopicTaken, take_lease
from spark_jobs.loaded import plan_replay_ranges, read_loaded, take_ranges
from spark_jobs.offsets import check_identity, check_replayable
from spark_jobs.plan import find_pending, new_number, resume
from spark_jobs.report import TopicReport
from spark_jobs.run_batch import rehearse_batch, run_next_batch
from spark_jobs.topic_state import find_offsets_since
from trendscript.endpoints import NoServer
from trendscript.errors import UsageError
from trendscript.postgres import connect

if TYPE_CHECKING:
    from datetime import datetime

    from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2 spells its classes small)
    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (psycopg2 spells its classes small)

    from spark_jobs.batch import BatchSource, OffsetRange
    from spark_jobs.job import LoadJob
    from spark_jobs.lease import Lease
    from spark_jobs.report import BatchReport
    from spark_jobs.topic_state import TopicIdentity, TopicState
    from trendscript.contracts.model import Contract


class NeverLoaded(UsageError):
    """Raised when a topic or partition is named of which nothing was ever loaded."""


class NothingToAbandon(UsageError):
    """Raised when a topic has no replay or retry that was left unfinished."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which messages to load again: offsets from one up to but without another, or those since a time.

    No partitions stand for all; None for no bound.
    """

    from_offset: int = 0
    until_offset: int | None = None
    since: datetime | None = None
    partitions: tuple[int, ...] = ()
    source: BatchSource = "kafka"


def replay_topic(job: LoadJob, contract: Contract, asked: Asked) -> TopicReport:
    """Load again what was loaded before of the offsets asked for, batch by batch; first what was left unfinished.

    Raises TopicBusy, LeaseLost, TopicTaken, LoadInterrupted (try again), ReplayExpired, NeverLoaded, or what
    `plan_batch` refuses.
    """
    topic = contract.topic
    with database_failures(topic), take_lease(job.dsn, topic, "replay", patience=job.patience) as lease:
        batches = [run_next_batch(job, contract, partial(_resume, job, lease))]
        with job.connected(f"replay {topic}") as connection:
            waiting = _find_ranges(job, connection, topic, asked)
        while waiting:
            ranges, waiting = take_ranges(waiting, job.max_messages)
            batches.append(run_next_batch(job, contract, partial(_plan, job, lease, contract, ranges, asked.source)))
    return _report(topic, [report for report in batches if report is not None])


def abandon_replay(dsn: str, topic: str, why: str, *, patience: float = 0.0) -> Batch:
    """Give up a replay or retry that was planned and not finished. What its ranges committed stays.

    Raises TopicBusy, or NothingToAbandon.
    """
    with (
        database_failures(topic),
        take_lease(dsn, topic, "replay --abandon", patience=patience),
        closing(connect(dsn, application_name=f"trendscript abandon {topic}")) as connection,
        connection,
        connection.cursor() as cursor,
    ):
        ledger.lock_topic(cursor, topic)
        planned = ledger.find_planned(cursor, topic)
        if planned is None or planned[0].kind == "load":
            raise NothingToAbandon(f"{topic}: no replay or retry is unfinished.")
        ledger.abandon_batch(cursor, planned[0].batch_id, why)
        return planned[0]


def rehearse_replay(job: LoadJob, contract: Contract, asked: Asked) -> TopicReport:
    """What the replay's first batch would do, or the batch that was left unfinished; all of it is rolled back.

    Raises as `replay_topic`.
    """
    topic = contract.topic
    with job.connected(f"dry run of {topic}") as connection:
        with connection, connection.cursor() as cursor:
            batch = find_pending(cursor, topic, lambda: _ask_kafka(job, topic))
        if batch is None:
            ranges, _ = take_ranges(_find_ranges(job, connection, topic, asked), job.max_messages)
            with connection, connection.cursor() as cursor:
                known = _known(cursor, topic)
            batch = Batch(new_number(), topic, known.topic_id, "replay", ranges, source=asked.source)
    return rehearse_batch(job, contract, batch) if batch.ranges else _report(topic, [])


def _report(topic: str, batches: list[BatchReport]) -> TopicReport:
    note = "" if batches else f"{topic}: nothing to replay, since nothing that was asked for was ever loaded"
    return TopicReport(topic, tuple(batches), note=note)


def _resume(job: LoadJob, lease: Lease, connection: Connection) -> Batch | None:
    lease.check()
    with connection, connection.cursor() as cursor:
        ledger.lock_topic(cursor, lease.topic)
        return resume(cursor, lease.topic, lambda: _ask_kafka(job, lease.topic))


def _ask_kafka(job: LoadJob, topic: str) -> TopicState:
    """What Kafka says of the topic. Raises NoServer where a replay from the lake was begun without any Kafka."""
    if not job.bootstrap_servers:
        raise NoServer(
            f"{topic}: a load or replay from Kafka was left unfinished and comes first, and there is no Kafka to talk "
            "to. Start it (`trendscript up` for the local one), or set KAFKA_BOOTSTRAP_SERVERS."
        )
    return job.topic_state(topic)


def _find_ranges(job: LoadJob, connection: Connection, topic: str, asked: Asked) -> list[OffsetRange]:
    """What was loaded of the offsets asked for, once its source is known to hold all of it.

    Raises NeverLoaded, ReplayExpired, TopicRecreated, ClusterChanged, LakeMissing or LakeShort.
    """
    with connection, connection.cursor() as cursor:
        known = _known(cursor, topic)
        positions = ledger.read_positions(cursor, known.topic_id)
        loaded = read_loaded(cursor, known.topic_id)
    for partition in asked.partitions:
        if partition not in positions:
            raise NeverLoaded(f"{topic} has no partition {partition} of which anything was loaded.")
    begins = dict.fromkeys(asked.partitions or positions, asked.from_offset)
    if asked.since is not None:
        begins = {
            partition: offset
            for partition, offset in _offsets_since(job, known, asked, asked.since).items()
            if partition in begins
        }
    ranges = plan_replay_ranges(loaded, positions, begins, asked.until_offset)
    if asked.source == "kafka":
        state = job.topic_state(topic)
        check_identity(known, state.identity)
        check_replayable(topic, tuple(ranges), state)
    elif ranges:
        # Before anything is planned: a plan that can't be finished would stop the next load.
        held = count_held(job.spark, known, ranges, job.lake)
        check_held_by_lake(topic, ranges, held, loaded)
    return ranges


def _known(cursor: Cursor, topic: str) -> TopicIdentity:
    known = ledger.find_topic(cursor, topic)
    if known is None:
        raise NeverLoaded(f"Nothing of {topic} was ever loaded, so there is nothing to replay.")
    return known


def _offsets_since(job: LoadJob, known: TopicIdentity, asked: Asked, since: datetime) -> dict[int, int]:
    """Where messages of that time begin, by partition."""
    if asked.source == "lake":
        return find_lake_offsets_since(job.spark, known, job.lake, since)
    state = job.topic_state(known.topic)
    found = find_offsets_since(state, since, job.bootstrap_servers, job.client_properties)
    # Where even the first message held is young enough, older ones may have been too: all are asked for.
    return {partition: 0 if offset == state.earliest[partition] else offset for partition, offset in found.items()}


def _plan(  # noqa: PLR0913, PLR0917  (all but the connection is bound beforehand)
    job: LoadJob,
    lease: Lease,
    contract: Contract,
    ranges: tuple[OffsetRange, ...],
    source: BatchSource,
    connection: Connection,
) -> Batch:
    """The replay of these ranges, durable in the ledger; when it was planned a moment ago, as it was planned."""
    lease.check()
    with connection, connection.cursor() as cursor:
        known = ledger.lock_topic(cursor, contract.topic)
        planned = ledger.find_planned(cursor, contract.topic)
        if planned is not None and (planned[0].kind, planned[0].source, planned[0].ranges) != (
            "replay",
            source,
            ranges,
        ):
            raise TopicTaken(planned[0])
        resumed = resume(cursor, contract.topic, lambda: job.topic_state(contract.topic))
        if resumed is not None:
            return resumed
        if known is None:
            raise NeverLoaded(f"Nothing of {contract.topic} was ever loaded, so there is nothing to replay.")
        if source == "kafka":
            state = job.topic_state(contract.topic)
            check_identity(known, state.identity)
            check_replayable(contract.topic, ranges, state)
        return ledger.save_plan(cursor, known, contract, ranges, kind="replay", source=source)
