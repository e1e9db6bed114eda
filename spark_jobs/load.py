"""The load job: a topic's waiting messages go into their tables, each in exactly one outcome.

Runs as `trendscript load` and as `spark-submit spark_jobs/load.py [TOPIC]...`.
"""

from __future__ import annotations

import sys
import time
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import structlog
from py4j.protocol import Py4JError
from pyspark.errors import AnalysisException, PySparkException, PythonException

from spark_jobs import ledger
from spark_jobs.batch import Batch, OffsetRange, RangeTask
from spark_jobs.bronze import append_to_bronze
from spark_jobs.connection import without_password
from spark_jobs.failures import LoadInterrupted, RangeFailure, database_failures, raise_failures
from spark_jobs.lease import take_lease
from spark_jobs.load_range import range_loader
from spark_jobs.messages import read_messages
from spark_jobs.offsets import TopicRecreated, check_held
from spark_jobs.plan import plan_batch, rehearse_plan
from spark_jobs.report import BatchReport, TopicReport, to_batch_report, to_rehearsal_report
from spark_jobs.silver import append_to_silver
from spark_jobs.statements import merge_order, table_statements
from spark_jobs.topic_state import read_topic_state
from trendscript.contracts import load_contracts
from trendscript.errors import ServerUnreachable, TryAgainLater
from trendscript.postgres import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2 spells its classes small)
    from pyspark.sql import DataFrame, Row, SparkSession

    from spark_jobs.topic_state import TopicState
    from trendscript.contracts.model import Contract

_log = structlog.get_logger(__name__)

_ATTEMPTS = 4
_OUTCOME_COLUMNS = "partition int, status string, details string"


@dataclass(frozen=True)
class LoadJob:
    """What a load needs to know. `lake` None leaves the lake out; `on_step` hears of each step as it begins."""

    spark: SparkSession
    dsn: str
    bootstrap_servers: str
    client_properties: Path | None
    lake: str | None
    max_messages: int
    silver: bool = False
    on_step: Callable[[str, str], None] = field(default=lambda _topic, _step: None)
    retry_seconds: float = 1.0

    def topic_state(self, topic: str) -> TopicState:
        """Ask Kafka who the topic is and what it holds now."""
        return read_topic_state(topic, self.bootstrap_servers, self.client_properties)


def load_topic(job: LoadJob, contract: Contract) -> TopicReport:
    """Load what waits in a topic, batch by batch, up to the end offsets seen at the start.

    When this returns, every message up to there is in its tables or in `pipeline.dead_letter`.
    Raises TopicBusy, LeaseLost, LoadInterrupted (try again) or what `plan_batch` refuses (a person decides).
    """
    batches: list[BatchReport] = []
    with database_failures(contract.topic), take_lease(job.dsn, contract.topic) as lease:
        ends = job.topic_state(contract.topic).end
        while True:
            lease.check()
            report = _load_next_batch(job, contract, ends)
            if report is None:
                break
            batches.append(report)
        if job.lake is not None and job.silver:
            job.on_step(contract.topic, "silver")
            append_to_silver(job.spark, contract, job.lake)
    return TopicReport(contract.topic, tuple(batches))


def _load_next_batch(job: LoadJob, contract: Contract, ends: dict[int, int]) -> BatchReport | None:
    """Plan and load one batch; after a passing fault it is resumed a few times, waiting longer each time."""
    for attempt in range(1, _ATTEMPTS):
        try:
            return _plan_and_load(job, contract, ends)
        except (TryAgainLater, ServerUnreachable) as failure:
            _log.warning("batch_interrupted", topic=contract.topic, attempt=attempt, cause=str(failure))
            time.sleep(job.retry_seconds * 2 ** (attempt - 1))
    return _plan_and_load(job, contract, ends)


def _plan_and_load(job: LoadJob, contract: Contract, ends: dict[int, int]) -> BatchReport | None:
    seconds: dict[str, float] = {}
    with _timed(job, contract.topic, "plan", seconds), _connected(job, f"plan {contract.topic}") as connection:
        batch = plan_batch(connection, contract, lambda: job.topic_state(contract.topic), ends, job.max_messages)
    return None if batch is None else _load_batch(job, contract, batch, seconds)


@contextmanager
def _connected(job: LoadJob, purpose: str) -> Iterator[Connection]:
    """A connection of the driver's, which waits for no lock for ever. Raises LoadInterrupted or RangeRefused."""
    with (
        database_failures(purpose),
        closing(connect(job.dsn, application_name=f"trendscript {purpose}")) as connection,
    ):
        with connection, connection.cursor() as cursor:
            cursor.execute("set lock_timeout = '60s'")
        yield connection


def _load_batch(job: LoadJob, contract: Contract, batch: Batch, seconds: dict[str, float]) -> BatchReport:
    loaded: set[int] = set()
    if batch.ranges:
        messages = read_messages(job.spark, batch, job.bootstrap_servers, job.client_properties)
        if job.lake is not None:
            with _timed(job, batch.topic, "bronze", seconds), _spark_failures(job, batch):
                append_to_bronze(messages, batch, job.lake)
        with _timed(job, batch.topic, "load", seconds):
            loaded = _load_ranges(job, contract, batch, messages)
    empty = [found for found in batch.ranges if found.partition not in loaded]
    with _timed(job, batch.topic, "finish", seconds):
        return _finish(job, batch, empty, seconds)


def _load_ranges(job: LoadJob, contract: Contract, batch: Batch, messages: DataFrame) -> set[int]:
    """Load every range in a task of its own. The partitions whose transaction is committed."""
    with _spark_failures(job, batch):
        if messages.rdd.getNumPartitions() != len(batch.ranges):
            raise RuntimeError(f"Spark made {messages.rdd.getNumPartitions()} tasks of {len(batch.ranges)} ranges")
        outcomes = _run(messages, _range_task(job, contract, batch))
    failures = {
        outcome["partition"]: RangeFailure.from_json(outcome["details"])
        for outcome in outcomes
        if outcome["status"] == "failed"
    }
    if failures:
        raise_failures(batch.topic, failures)
    return {outcome["partition"] for outcome in outcomes}


def _run(messages: DataFrame, task: RangeTask) -> list[Row]:
    return messages.mapInArrow(range_loader(task), _OUTCOME_COLUMNS).collect()


def _range_task(job: LoadJob, contract: Contract, batch: Batch, *, dry_run: bool = False) -> RangeTask:
    order = merge_order(load_contracts().values())
    return RangeTask(
        batch=batch,
        contract=contract,
        tables=tuple(table_statements(contract, order, overwrite_equal=batch.kind != "load")),
        dsn=without_password(job.dsn),
        bootstrap_servers=job.bootstrap_servers,
        client_properties=job.client_properties,
        dry_run=dry_run,
    )


def _finish(job: LoadJob, batch: Batch, empty: list[OffsetRange], seconds: dict[str, float]) -> BatchReport:
    """Close what held no message, and the batch with it; report what its transactions counted."""
    with _connected(job, f"finish {batch.topic}") as connection:
        with connection, connection.cursor() as cursor:
            for offset_range in empty:
                ledger.close_empty_range(cursor, batch, offset_range)
            if not ledger.mark_committed(cursor, batch.batch_id):
                raise LoadInterrupted(f"{batch.topic}: a range of batch {batch.batch_id} is not committed; load again.")
        report = to_batch_report(batch, ledger.read_outcomes(connection, batch.batch_id), seconds)
    if report.messages.skipped:
        _log.warning("offsets_without_message", topic=batch.topic, batch_id=batch.batch_id, **asdict(report.messages))
    return report


def rehearse_topic(job: LoadJob, contract: Contract) -> TopicReport:
    """What the next batch would do, found out by doing it in a transaction that is rolled back.

    Writes no plan, no bronze and no row. Raises as `load_topic`.
    """
    seconds: dict[str, float] = {}
    state = job.topic_state(contract.topic)
    with _connected(job, f"dry run of {contract.topic}") as connection:
        batch = rehearse_plan(connection, state, job.max_messages)
    if batch is None or not batch.ranges:
        return TopicReport(contract.topic, ())
    messages = read_messages(job.spark, batch, job.bootstrap_servers, job.client_properties)
    with _timed(job, batch.topic, "dry run", seconds), _spark_failures(job, batch):
        outcomes = _run(messages.coalesce(1), _range_task(job, contract, batch, dry_run=True))
    for outcome in outcomes:
        if outcome["status"] == "failed":
            raise_failures(batch.topic, {outcome["partition"]: RangeFailure.from_json(outcome["details"])})
    return TopicReport(contract.topic, (to_rehearsal_report(batch, outcomes, seconds),))


@contextmanager
def _timed(job: LoadJob, topic: str, step: str, seconds: dict[str, float]) -> Iterator[None]:
    job.on_step(topic, step)
    started = time.perf_counter()
    yield
    seconds[step] = round(time.perf_counter() - started, 3)


@contextmanager
def _spark_failures(job: LoadJob, batch: Batch) -> Iterator[None]:
    """Find out what is behind a failed Spark job: offsets gone, another topic, or a fault that may pass."""
    try:
        yield
    except (PythonException, AnalysisException):
        raise  # neither passes by itself
    except (PySparkException, Py4JError) as error:  # what PySpark can't classify stays Py4J's
        state = job.topic_state(batch.topic)
        if state.identity.topic_id != batch.topic_id:
            raise TopicRecreated(batch.topic, batch.topic_id, state.identity.topic_id) from error
        check_held(batch.topic, batch.ranges, state)
        text = str(error).strip().splitlines()[0]
        raise LoadInterrupted(f"{batch.topic}: Spark's job failed ({text}); the batch stays planned.") from error


if __name__ == "__main__":
    from spark_jobs.cli import main

    main(sys.argv[1:])
