"""What Spark's work on a lake fails with, and what comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from spark_jobs.batch import OffsetRange
from spark_jobs.failures import LoadInterrupted, ReadingCutOff
from spark_jobs.spark_failures import LakeRefused, check_refused, is_bug, say_what_failed, spark_failures
from trendscript.kafka import BrokerRefused, RightMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    import pyarrow as pa
    from pyspark.sql import SparkSession


def _divide(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield batch.slice(1 // 0)


def test_a_bug_in_what_runs_on_executors_goes_through(spark: SparkSession, tmp_path: Path) -> None:
    """Trying again would only hide it, also where a write that failed wraps it in its own words."""
    rows = spark.range(1).mapInArrow(_divide, "id long")
    with pytest.raises(PySparkException, match="ZeroDivisionError"), spark_failures("charts"):
        rows.write.format("delta").save(str(tmp_path / "table"))


def test_columns_that_do_not_fit_are_refused(spark: SparkSession, tmp_path: Path) -> None:
    """They will not fit the next time either."""
    path = str(tmp_path / "table")
    spark.range(1).write.format("delta").save(path)
    with pytest.raises(LakeRefused, match="charts"), spark_failures("charts"):
        spark.range(1).withColumnRenamed("id", "other").write.format("delta").mode("append").save(path)


def test_a_disk_that_fails_may_pass(spark: SparkSession, tmp_path: Path) -> None:
    """A file stands where the folder would be made."""
    (tmp_path / "table").write_text("in the way", encoding="utf-8")
    with pytest.raises(LoadInterrupted, match="run it again"), spark_failures("charts"):
        spark.range(1).write.format("parquet").mode("append").save(str(tmp_path / "table" / "below"))


def _fail_with(fault: Callable[[], Exception], spark: SparkSession, path: Path | None) -> Exception:
    """What Spark raises where a task of it raised this: while it writes to a table of the lake, or without one."""

    def fail(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from batches
        raise fault()

    rows = spark.range(1).mapInArrow(fail, "id long")
    with pytest.raises((PySparkException, Py4JError)) as raised:
        rows.write.format("delta").save(str(path)) if path else rows.collect()
    error: Exception = raised.value
    return error


@pytest.mark.parametrize("in_lake", [True, False])
def test_a_task_tells_why_it_could_not_read(spark: SparkSession, tmp_path: Path, in_lake: bool) -> None:  # noqa: FBT001
    """It gets through Spark's own words, and is no bug: silence may pass, a refusal doesn't."""
    path = tmp_path / "table" if in_lake else None
    silent = _fail_with(lambda: ReadingCutOff(OffsetRange(0, 5, 9), 7, "the brokers are silent"), spark, path)
    refused = _fail_with(lambda: BrokerRefused("Kafka refused."), spark, path)
    barred = _fail_with(lambda: RightMissing("Read is missing."), spark, path)
    bug = _fail_with(lambda: ZeroDivisionError("ReadingCut"), spark, path)
    assert [is_bug(error) for error in (silent, refused, barred, bug)] == [False, False, False, True]
    assert say_what_failed(silent) == "reading ended at offset 7: the brokers are silent; the range was rolled back."
    check_refused(silent)
    with pytest.raises(BrokerRefused, match=r"^Kafka refused\.$"):
        check_refused(refused)
    with pytest.raises(RightMissing, match=r"^Read is missing\.$"):
        check_refused(barred)
