"""What Spark's work on a lake fails with, and what comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pyspark.errors import PySparkException

from spark_jobs.failures import LoadInterrupted
from spark_jobs.spark_failures import LakeRefused, spark_failures

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
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
