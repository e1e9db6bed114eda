"""The load job: a topic's waiting messages go into their tables, each in exactly one outcome.

Runs as `trendscript load` and as `spark-submit spark_jobs/load.py [TOPIC]...`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from spark_jobs.failures import database_failures
from spark_jobs.job import LoadJob
from spark_jobs.lease import take_lease
from spark_jobs.plan import plan_batch, rehearse_plan
from spark_jobs.report import BatchReport, TopicReport
from spark_jobs.run_batch import rehearse_batch, run_next_batch
from spark_jobs.silver import append_to_silver
from spark_jobs.spark_failures import spark_failures

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2 spells its classes small)

    from spark_jobs.batch import Batch
    from spark_jobs.lease import Lease
    from spark_jobs.topic_state import TopicState
    from trendscript.contracts.model import Contract

__all__ = ["LoadJob", "load_topic", "rehearse_topic"]


def load_topic(job: LoadJob, contract: Contract, *, most_batches: int | None = None) -> TopicReport:
    """Load what waits in a topic, batch by batch, up to the end offsets seen at the start.

    When this returns, every message up to there is in its tables or in `pipeline.dead_letter`, unless `most_batches`
    ended it before. Raises TopicBusy, LeaseLost, LoadInterrupted, SparkDied (try again), LakeBroken, LakeRefused or
    what `plan_batch` refuses (a person decides); the job's `on_batch` has heard of what was committed before.
    """
    batches: list[BatchReport] = []
    with database_failures(contract.topic), take_lease(job.dsn, contract.topic, "load") as lease:
        found = [job.topic_state(contract.topic)]
        ends = found[0].end

        def current_state() -> TopicState:
            return found.pop() if found else job.topic_state(contract.topic)

        def plan(connection: Connection) -> Batch | None:
            lease.check()  # at every attempt: what another runner has planned since is not ours to resume
            return plan_batch(connection, contract, current_state, ends, job.max_messages)

        while most_batches is None or len(batches) < most_batches:
            report = run_next_batch(job, contract, plan)
            if report is None:
                break
            batches.append(report)
        job.persist(contract.topic, lambda: _append_to_silver(job, contract, lease))
    return TopicReport(contract.topic, tuple(batches))


def _append_to_silver(job: LoadJob, contract: Contract, lease: Lease) -> None:
    """Bring silver up to bronze, where it is wanted. What fails here fails after the batches were committed."""
    if job.lake is not None and job.silver:
        job.on_step(contract.topic, "silver")
        with spark_failures(contract.topic):
            append_to_silver(job.spark, contract, job.lake, lease.check)


def rehearse_topic(job: LoadJob, contract: Contract) -> TopicReport:
    """What the next batch would do, found out by doing it in a transaction that is rolled back.

    Writes no plan, no bronze and no row. Raises as `load_topic`.
    """
    state = job.topic_state(contract.topic)
    with job.connected(f"dry run of {contract.topic}") as connection:
        batch = rehearse_plan(connection, state, job.max_messages)
    if batch is None or not batch.ranges:
        return TopicReport(contract.topic, ())
    return rehearse_batch(job, contract, batch)


if __name__ == "__main__":
    from spark_jobs.cli import main

    main(sys.argv[1:])
