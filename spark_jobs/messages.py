"""Read messages: a planned batch goes in, a DataFrame of exactly its offsets comes out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812  (the name every PySpark reader knows)

from spark_jobs.kafka_options import spark_kafka_options

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

    from spark_jobs.batch import Batch


def read_messages(
    spark: SparkSession, batch: Batch, bootstrap_servers: str, client_properties: Path | None
) -> DataFrame:
    """Messages of the batch's ranges as bytes: partition, offset, timestamp, key, value, headers.

    One Spark task is one range. Fails when an offset is no longer held.
    """
    partitions = {batch.topic: [found.partition for found in batch.ranges]}
    starting = {batch.topic: {str(found.partition): found.from_offset for found in batch.ranges}}
    # Integers, never "latest": that is resolved by each task attempt, so a retry would read another range.
    ending = {batch.topic: {str(found.partition): found.until_offset for found in batch.ranges}}
    return (
        spark.read.format("kafka")
        .options(**spark_kafka_options(bootstrap_servers, client_properties))
        # Not "subscribe": a partition added since the plan would make a resumed batch fail for ever.
        .option("assign", json.dumps(partitions))
        .option("startingOffsets", json.dumps(starting))
        .option("endingOffsets", json.dumps(ending))
        .option("failOnDataLoss", "true")
        .option("kafka.isolation.level", "read_committed")
        .option("includeHeaders", "true")
        .load()
        .select(
            F.col("partition"),
            F.col("offset"),
            F.col("timestamp"),
            F.col("key"),
            F.col("value"),
            F.col("headers"),
        )
    )
