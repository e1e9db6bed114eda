"""Read messages: a planned batch goes in, a DataFrame of exactly its offsets comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spark_jobs.kafka_reader import read_range
from spark_jobs.raw_messages import SPARK_COLUMNS
from trendscript.kafka import librdkafka_options

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

    from spark_jobs.batch import Batch, OffsetRange


def read_messages(
    spark: SparkSession, batch: Batch, bootstrap_servers: str, client_properties: Path | None
) -> DataFrame:
    """Messages of the batch's ranges as bytes: partition, offset, timestamp, key, value, headers.

    One Spark task is one range. Fails with ReadingCutOff when an offset is no longer held. What is secret in
    `client_properties` is read where the task runs.
    """

    def read(numbers: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        options = librdkafka_options(bootstrap_servers, client_properties)
        for wanted in pick_ranges(batch, numbers):
            yield from read_range(batch.topic, wanted, options)

    return number_ranges(spark, batch).mapInArrow(read, SPARK_COLUMNS)


def number_ranges(spark: SparkSession, batch: Batch, *, in_one_task: bool = False) -> DataFrame:
    """The places of the batch's ranges in its plan; each in a Spark task of its own, or all in one."""
    count = len(batch.ranges)
    return spark.range(0, count, 1, 1 if in_one_task else count)


def pick_ranges(batch: Batch, numbers: Iterable[pa.RecordBatch]) -> Iterator[OffsetRange]:
    """The ranges that a task was given the places of."""
    for places in numbers:
        for (number,) in zip(*(column.to_pylist() for column in places.columns), strict=True):
            yield batch.ranges[number]
