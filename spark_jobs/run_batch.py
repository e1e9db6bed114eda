"""Run a planned batch to its end: wherever its messages come from, each range in a transaction of its own."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import structlog
from py4j.protocol import Py4JError
from pyspark.errors import AnalysisException, PySparkException

from spark_jobs.bronze import append_to_bronze, note_in_lake
from spark_jobs.failures import LoadInterrupted
from spark_jobs.fault_points import reach
from spark_jobs.finish import finish_batch
from spark_jobs.lake import check_held_by_lake, count_messages, count_purged, lake_failures, read_lake
from spark_jobs.load_range import kafka_loader, range_loader
from spark_jobs.loaded import read_loaded
from spark_jobs.messages import number_ranges, read_messages
from spark_jobs.offsets import TopicRecreated, check_readable
from spark_jobs.ranges import check_outcomes, to_range_task
from spark_jobs.report import TopicReport, to_rehearsal_report
from spark_jobs.retry import rehearse_letters, run_retry
from spark_jobs.session import check_alive
from spark_jobs.spark_failures import check_refused, is_bug, say_what_failed
from spark_jobs.topic_state import TopicIdentity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2 spells its classes small)
    from pyspark.sql import DataFrame, Row

    from spark_jobs.batch import Batch
    from spark_jobs.job import LoadJob
    from spark_jobs.report import BatchReport
    from trendscript.contracts.model import Contract

_log = structlog.get_logger(__name__)

_OUTCOME_COLUMNS = "partition int, status string, details string"


def run_next_batch(job: LoadJob, contract: Contract, plan: Callable[[Connection], Batch | None]) -> BatchReport | None:
    """Run the batch that `plan` gives; None where it gives none.

    After a passing fault everything is tried again from the plan on, which then finds the batch under way.
    """

    def attempt() -> BatchReport | None:
        check_alive(job.spark)
        seconds: dict[str, float] = {}
        with (
            job.timed(contract.topic, "plan", seconds),
            job.connected(f"plan {contract.topic}") as connection,
        ):
            batch = plan(connection)
        if batch is None:
            return None
        reach("after_plan")
        _log.info("batch_planned", topic=batch.topic, **_to_event(batch))
        with structlog.contextvars.bound_contextvars(topic=batch.topic, batch_id=batch.batch_id):
            return _run(job, contract, batch, seconds)

    return job.persist(contract.topic, attempt)


def _to_event(batch: Batch) -> dict[str, Any]:
    return {
        "batch_id": batch.batch_id,
        "kind": batch.kind,
        "source": batch.source,
        "resumed": batch.resumed,
        "ranges": len(batch.ranges),
        "offsets": sum(found.offsets for found in batch.ranges),
    }


def _run(job: LoadJob, contract: Contract, batch: Batch, seconds: dict[str, float]) -> BatchReport:
    if batch.source == "quarantine":
        return run_retry(job, contract, batch, seconds)
    loaded: set[int] = set()
    if batch.ranges:
        read = _load_from_lake if batch.source == "lake" else _load_from_kafka
        loaded = read(job, contract, batch, seconds)
    empty = [found for found in batch.ranges if found.partition not in loaded]
    return finish_batch(job, batch, empty, seconds)


def _load_from_kafka(job: LoadJob, contract: Contract, batch: Batch, seconds: dict[str, float]) -> set[int]:
    """Load every range in a task of its own. The partitions whose transaction is committed."""
    # What a replay reads from Kafka is in bronze already.
    if job.lake is not None and batch.kind == "load":
        with job.timed(batch.topic, "bronze", seconds), _spark_failures(job, batch):
            messages = read_messages(job.spark, batch, job.bootstrap_servers, job.client_properties)
            append_to_bronze(messages, batch, job.lake)
        with job.connected(f"bronze of {batch.topic}") as connection, connection, connection.cursor() as cursor:
            note_in_lake(cursor, batch.batch_id)
        reach("after_bronze")
    with job.timed(batch.topic, "load", seconds), _spark_failures(job, batch):
        loader = kafka_loader(to_range_task(job, contract, batch))
        return check_outcomes(batch.topic, _run_tasks(number_ranges(job.spark, batch), loader))


def _load_from_lake(job: LoadJob, contract: Contract, batch: Batch, seconds: dict[str, float]) -> set[int]:
    """Load ranges from bronze. The partitions whose transaction is committed; the others held no message."""
    messages, expected = _read_lake(job, batch, seconds)
    with job.timed(batch.topic, "load", seconds), _spark_failures(job, batch):
        task = to_range_task(job, contract, batch, expected=expected)
        loaded = check_outcomes(batch.topic, _run_tasks(messages, range_loader(task)))
    missing = [partition for partition in expected if partition not in loaded]
    if missing:
        raise LoadInterrupted(f"{batch.topic}: no task saw partition {missing[0]} of batch {batch.batch_id}.")
    return loaded


def _read_lake(job: LoadJob, batch: Batch, seconds: dict[str, float]) -> tuple[DataFrame, dict[int, int]]:
    """The batch's messages in bronze, and how many each partition has; there is no Kafka to tell a short reading by."""
    with job.timed(batch.topic, "count", seconds), _spark_failures(job, batch):
        identity = TopicIdentity(batch.topic, "", batch.topic_id)
        messages = read_lake(job.spark, identity, batch.ranges, job.lake)
        expected = count_messages(messages)
        held = Counter(expected) + Counter(count_purged(job.spark, identity, batch.ranges, job.lake))
    with job.connected(f"replay {batch.topic}") as connection, connection, connection.cursor() as cursor:
        loaded = read_loaded(cursor, batch.topic_id)
    check_held_by_lake(batch.topic, batch.ranges, held, loaded)
    return messages, expected


def _run_tasks(rows: DataFrame, loader: Any) -> list[Row]:
    return rows.mapInArrow(loader, _OUTCOME_COLUMNS).collect()


def rehearse_batch(job: LoadJob, contract: Contract, batch: Batch) -> TopicReport:
    """What a batch would do, found out by doing it in a transaction that is rolled back."""
    if batch.source == "quarantine":
        return TopicReport(contract.topic, (rehearse_letters(job, contract, batch),))
    seconds: dict[str, float] = {}
    if batch.source == "lake":
        messages, expected = _read_lake(job, batch, seconds)
        rows = messages.coalesce(1)
        loader = range_loader(to_range_task(job, contract, batch, dry_run=True, expected=expected))
    else:
        rows = number_ranges(job.spark, batch, in_one_task=True)
        loader = kafka_loader(to_range_task(job, contract, batch, dry_run=True))
    with job.timed(batch.topic, "dry run", seconds), _spark_failures(job, batch):
        outcomes = _run_tasks(rows, loader)
    check_outcomes(batch.topic, outcomes)
    return TopicReport(contract.topic, (to_rehearsal_report(batch, outcomes, seconds),))


@contextmanager
def _spark_failures(job: LoadJob, batch: Batch) -> Iterator[None]:
    """Find out what is behind a failed Spark job: offsets gone, another topic, or a fault that may pass."""
    try:
        with lake_failures(batch.topic):
            yield
    except (PySparkException, Py4JError) as error:  # what PySpark can't classify stays Py4J's
        if isinstance(error, AnalysisException) or is_bug(error):
            raise  # neither passes by itself
        check_refused(error)
        check_alive(job.spark)
        text = f"Spark's job failed ({say_what_failed(error)}); the batch stays planned."
        if batch.source == "lake":
            raise LoadInterrupted(f"{batch.topic}: {text}") from error
        state = job.topic_state(batch.topic)
        if state.identity.topic_id != batch.topic_id:
            raise TopicRecreated(batch.topic, batch.topic_id, state.identity.topic_id) from error
        check_readable(batch, state)
        raise LoadInterrupted(f"{batch.topic}: {text}") from error
