"""Read from the lake: ranges of a replay go in, their messages come out of bronze as Kafka gave them, each once."""

from __future__ import annotations

from functools import reduce
from itertools import groupby
from operator import attrgetter, or_
from typing import TYPE_CHECKING

from delta.tables import DeltaTable
from pyspark.sql import Window
from pyspark.sql import functions as F  # noqa: N812  (the name every PySpark reader knows)

from spark_jobs.batch import OffsetRange
from spark_jobs.bronze import bronze_path
from spark_jobs.loaded import count_at_least
from trendscript.errors import NeedsAPerson

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pyspark.sql import Column, DataFrame, SparkSession

    from spark_jobs.loaded import LoadedRange
    from spark_jobs.topic_state import TopicIdentity


class LakeMissing(NeedsAPerson):
    """Raised when there is no bronze table to replay from."""

    def __init__(self, topic: str, lake: str | None) -> None:
        self.topic, self.lake = topic, lake
        where = "LAKE_PATH is off" if lake is None else f"there is none under {lake}"
        super().__init__(
            f"{topic}: a replay from the lake needs its bronze table, and {where}. Nothing was changed. "
            f'A replay that is planned is given up by `trendscript replay {topic} --abandon --why "…"`.'
        )


class LakeShort(NeedsAPerson):
    """Raised when bronze holds fewer messages of a range than were loaded: loads ran without it, or it lost files."""

    def __init__(self, topic: str, wanted: OffsetRange, held: int, loaded: int) -> None:
        self.topic, self.wanted, self.held, self.loaded = topic, wanted, held, loaded
        super().__init__(
            f"{topic}, {wanted}: the lake holds {held:,} messages of it, and at least {loaded:,} were loaded. Nothing "
            "was changed. Was the lake switched off for a time, or are files missing? Replay what it has by --from "
            f'and --to; a replay that is planned is given up by `trendscript replay {topic} --abandon --why "…"`.'
        )


def read_lake(
    spark: SparkSession, identity: TopicIdentity, ranges: Sequence[OffsetRange], lake: str | None
) -> DataFrame:
    """Messages of the ranges, in the columns of `read_messages`, one row a place.

    A task holds whole ranges, sorted by partition and offset. Of a place that bronze holds twice the later batch
    counts: after a database was restored both are the same, after a Kafka was, the later is what stands there now.
    Raises LakeMissing.
    """
    newest = Window.partitionBy("partition").orderBy("offset", F.desc("batch_id"))
    return (
        _bronze(spark, identity.topic, lake)
        .filter((F.col("topic_id") == identity.topic_id) & reduce(or_, map(_within, ranges)))
        .repartition(len({wanted.partition for wanted in ranges}), "partition")
        .withColumn("before", F.lag("offset").over(newest))
        .filter(F.col("before").isNull() | (F.col("before") != F.col("offset")))
        .select("partition", "offset", "timestamp", "key", "value", "headers")
        .sortWithinPartitions("partition", "offset")
    )


def _within(wanted: OffsetRange) -> Column:
    offset = F.col("offset")
    in_range = (offset >= wanted.from_offset) & (offset < wanted.until_offset)
    return (F.col("partition") == wanted.partition) & in_range


def count_messages(messages: DataFrame) -> dict[int, int]:
    """How many messages each partition has."""
    return {row["partition"]: row["count"] for row in messages.groupBy("partition").count().collect()}


def check_held_by_lake(
    topic: str, ranges: Sequence[OffsetRange], held: Mapping[int, int], loaded: Sequence[LoadedRange]
) -> None:
    """Raises LakeShort when the lake holds fewer messages of a partition's ranges than were loaded."""
    for partition, of_partition in groupby(sorted(ranges, key=_begin), key=attrgetter("partition")):
        found = list(of_partition)
        least = sum(count_at_least(loaded, wanted) for wanted in found)
        if held.get(partition, 0) < least:
            wanted = OffsetRange(partition, found[0].from_offset, found[-1].until_offset)
            raise LakeShort(topic, wanted, held.get(partition, 0), least)


def _begin(wanted: OffsetRange) -> tuple[int, int]:
    return wanted.partition, wanted.from_offset


def find_lake_offsets_since(
    spark: SparkSession, identity: TopicIdentity, lake: str | None, since: datetime
) -> dict[int, int]:
    """By partition, the first offset whose message bears this time or a later one. Raises LakeMissing."""
    young = _bronze(spark, identity.topic, lake).filter(
        (F.col("topic_id") == identity.topic_id) & (F.col("timestamp") >= F.lit(since))
    )
    rows = young.groupBy("partition").agg(F.min("offset").alias("first")).collect()
    return {row["partition"]: row["first"] for row in rows}


def _bronze(spark: SparkSession, topic: str, lake: str | None) -> DataFrame:
    if lake is None or not DeltaTable.isDeltaTable(spark, bronze_path(lake, topic)):
        raise LakeMissing(topic, lake)
    return spark.read.format("delta").load(bronze_path(lake, topic))
