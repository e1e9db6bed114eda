"""Bronze: a batch's raw messages go to a Delta table, bytes as they came, before any of its ranges commits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delta.tables import DeltaTable
from pyspark.sql import functions as F  # noqa: N812  (the name every PySpark reader knows)

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (psycopg2 spells its classes small)
    from pyspark.sql import DataFrame, SparkSession

    from spark_jobs.batch import Batch


PURGED = "purged"
"""A column of a bronze table that was purged: true where nothing but the place of a message is left."""


def bronze_path(lake: str, topic: str) -> str:
    """Where a topic's bronze table stands in the lake."""
    return f"{lake.rstrip('/')}/bronze/{topic}"


def has_bronze(spark: SparkSession, lake: str, topic: str) -> bool:
    """Whether the lake has a bronze table of the topic."""
    return bool(DeltaTable.isDeltaTable(spark, bronze_path(lake, topic)))


def append_to_bronze(messages: DataFrame, batch: Batch, lake: str) -> None:
    """Append the whole batch once: Delta skips a batch id it already holds, so a resumed batch adds nothing.

    Readers of bronze still take one row a (topic_id, partition, offset).
    """
    (
        messages.select(
            F.lit(batch.topic_id).alias("topic_id"),
            F.col("partition"),
            F.col("offset"),
            F.col("timestamp"),
            F.col("key"),
            F.col("value"),
            F.col("headers"),
            F.lit(batch.batch_id).cast("bigint").alias("batch_id"),
        )
        .write.format("delta")
        .mode("append")
        .option("txnAppId", f"{batch.topic}:bronze")
        .option("txnVersion", str(batch.batch_id))
        .save(bronze_path(lake, batch.topic))
    )


def note_in_lake(cursor: Cursor, batch_id: int) -> None:
    """Write down that bronze holds the whole batch, so that a message it lacks is missed. The caller commits.

    A batch of which ranges were committed while the lake was off is not whole there.
    """
    cursor.execute(
        """
        update pipeline.batch as b set in_lake = true
        where b.batch_id = %s and not exists (
            select from pipeline.batch_range as r where r.batch_id = b.batch_id and r.committed_at is not null
        )
        """,
        [batch_id],
    )
