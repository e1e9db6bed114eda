"""Files of the lake: a Delta table's path goes in; its size on disk, and Delta's own upkeep of it, come out."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from delta.tables import DeltaTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyspark.sql import SparkSession

_RETENTION_CHECK = "spark.databricks.delta.retentionDurationCheck.enabled"
_LISTING_TASKS = "spark.sql.sources.parallelPartitionDiscovery.parallelism"
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Lake:
    """Where the lake is, and how to get at Spark, which is started only when there is something to do there."""

    address: str
    open_spark: Callable[[], SparkSession]


@dataclass(frozen=True, slots=True)
class Size:
    """Files of data under a table's path and their bytes, those that no version needs among them; not Delta's log."""

    files: int
    bytes: int

    def to_json(self) -> dict[str, int]:
        """As `lake --json` prints it."""
        return asdict(self)


def read_size(spark: SparkSession, path: str) -> Size:
    """Ask the file system that the path is on, whichever it is."""
    context: Any = spark.sparkContext  # PySpark has no public door to Hadoop's file systems
    hadoop = context._jvm.org.apache.hadoop.fs  # noqa: SLF001  (see above)
    there = hadoop.Path(path)
    files = there.getFileSystem(context._jsc.hadoopConfiguration())  # noqa: SLF001  (see above)
    whole, log = files.getContentSummary(there), files.getContentSummary(hadoop.Path(there, "_delta_log"))
    return Size(whole.getFileCount() - log.getFileCount(), whole.getLength() - log.getLength())


def vacuum(spark: SparkSession, path: str, retain: timedelta) -> None:
    """Delete files that no version of the table younger than `retain` needs.

    Only while nobody writes to the table: files of a write that isn't committed yet would go too.
    """
    with _vacuuming(spark):
        DeltaTable.forPath(spark, path).vacuum(retain / _HOUR)


def count_live_files(spark: SparkSession, path: str) -> int:
    """How many files the table's newest version reads."""
    (detail,) = DeltaTable.forPath(spark, path).detail().select("numFiles").collect()
    return int(detail["numFiles"])


def count_vacuumable(spark: SparkSession, path: str, retain: timedelta) -> int:
    """How many files `vacuum` would delete."""
    with _vacuuming(spark):
        found = spark.sql(f"vacuum delta.`{path}` retain {retain / _HOUR} hours dry run")
        return found.count()


@contextmanager
def _vacuuming(spark: SparkSession) -> Iterator[None]:
    """Settings that a vacuum needs here.

    Delta refuses to keep less than a week, since a write may be under way; the lease is what rules that out. And it
    lists files in ten thousand tasks unless told otherwise, which takes minutes however few there are.
    """
    wanted = {_RETENTION_CHECK: "false", _LISTING_TASKS: str(spark.sparkContext.defaultParallelism)}
    before = {name: spark.conf.get(name, None) for name in wanted}
    try:
        for name, value in wanted.items():
            spark.conf.set(name, value)
        yield
    finally:
        for name, known in before.items():
            if known is None:
                spark.conf.unset(name)
            else:
                spark.conf.set(name, known)
