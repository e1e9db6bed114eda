"""Keeping the lake: a topic's Delta tables go in, fewer and larger files, or none that no version needs, come out.

Under the topic's lease, and only while no batch is unfinished: a write that is under way must lose no file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from delta.tables import DeltaTable

from spark_jobs.bronze import bronze_path
from spark_jobs.failures import database_failures
from spark_jobs.lake_files import Size, count_live_files, count_vacuumable, read_size, vacuum
from spark_jobs.lease import take_lease
from spark_jobs.retry import check_idle
from spark_jobs.silver import silver_path
from spark_jobs.spark_failures import spark_failures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import timedelta

    from pyspark.sql import SparkSession

    from spark_jobs.job import Job
    from spark_jobs.lake_files import Lake
    from trendscript.contracts.model import Contract


@dataclass(frozen=True, slots=True)
class KeptTable:
    """A table of the lake before and after: its size on disk, and how many files its newest version reads.

    `deletable`, of a vacuum's dry run, is how many files would go.
    """

    table: str
    before: Size
    after: Size
    live_before: int
    live_after: int
    deletable: int | None = None

    def to_json(self) -> dict[str, Any]:
        """As `lake --json` prints it."""
        found: dict[str, Any] = {
            "table": self.table,
            "before": self.before.to_json() | {"live_files": self.live_before},
            "after": self.after.to_json() | {"live_files": self.live_after},
        }
        return found if self.deletable is None else found | {"deletable_files": self.deletable}


@dataclass(frozen=True, slots=True)
class KeepingReport:
    """What became of a topic's tables; none where the lake has none."""

    topic: str
    tables: tuple[KeptTable, ...] = ()
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """The topic as `lake --json` prints it."""
        report: dict[str, Any] = {"topic": self.topic, "tables": [table.to_json() for table in self.tables]}
        return report | ({"note": self.note} if self.note else {})


def optimize_topic(job: Job, contract: Contract, lake: Lake, *, dry_run: bool) -> KeepingReport:
    """Make few large files of many small ones; the small ones stay until a vacuum. A dry run only looks.

    Raises TopicBusy, LeaseLost, BatchUnfinished, LoadInterrupted, SparkDied (try again), LakeBroken or LakeRefused.
    """
    return _keep(job, contract, lake, _look if dry_run else _optimize)


def vacuum_topic(job: Job, contract: Contract, lake: Lake, retain: timedelta, *, dry_run: bool) -> KeepingReport:
    """Delete files that only versions older than `retain` need, or that a killed write has left. A dry run counts them.

    Raises TopicBusy, LeaseLost, BatchUnfinished, LoadInterrupted, SparkDied (try again), LakeBroken or LakeRefused.
    """

    def work(spark: SparkSession, path: str) -> int | None:
        if dry_run:
            return count_vacuumable(spark, path, retain)
        vacuum(spark, path, retain)
        return None

    return _keep(job, contract, lake, work)


def _look(_spark: SparkSession, _path: str) -> None:
    return None


def _optimize(spark: SparkSession, path: str) -> None:
    DeltaTable.forPath(spark, path).optimize().executeCompaction()


def _keep(job: Job, contract: Contract, lake: Lake, work: Callable[[SparkSession, str], int | None]) -> KeepingReport:
    topic = contract.topic
    taken = take_lease(job.dsn, topic, "lake", patience=job.patience)
    with database_failures(topic), taken as lease, spark_failures(topic):
        _check_idle(job, topic)

        def work_if_ours(spark: SparkSession, path: str) -> int | None:
            # Spark's start and the tables before took their time, in which the topic may have been lost.
            lease.check()
            _check_idle(job, topic)
            return work(spark, path)

        spark, kept = lake.open_spark(), []
        for name, path in _tables(spark, contract, lake.address):
            job.on_step(topic, name)
            kept.append(_measured(spark, name, path, work_if_ours))
    return KeepingReport(topic, tuple(kept), note="" if kept else f"{topic}: the lake has nothing of it")


def _check_idle(job: Job, topic: str) -> None:
    with job.connected(f"lake of {topic}") as connection, connection, connection.cursor() as cursor:
        check_idle(cursor, topic)


def _tables(spark: SparkSession, contract: Contract, lake: str) -> Iterator[tuple[str, str]]:
    """Name and path of each Delta table that the topic has."""
    bronze = (f"bronze/{contract.topic}", bronze_path(lake, contract.topic))
    silver = [
        (f"silver/{contract.topic}/{table.name}", silver_path(lake, contract, table)) for table in contract.tables
    ]
    return (found for found in (bronze, *silver) if DeltaTable.isDeltaTable(spark, found[1]))


def _measured(spark: SparkSession, name: str, path: str, work: Callable[[SparkSession, str], int | None]) -> KeptTable:
    before, live_before = read_size(spark, path), count_live_files(spark, path)
    deletable = work(spark, path)
    return KeptTable(name, before, read_size(spark, path), live_before, count_live_files(spark, path), deletable)
