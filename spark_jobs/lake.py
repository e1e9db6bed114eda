"""Read from the lake: ranges of a replay go in, their messages come out of bronze as Kafka gave them, each once."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import contextmanager
from functools import reduce
from itertools import groupby
from operator import attrgetter, or_
from typing import TYPE_CHECKING

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import Window
from pyspark.sql import functions as F  # noqa: N812  (the name every PySpark reader knows)

from spark_jobs.batch import OffsetRange
from spark_jobs.bronze import PURGED, bronze_path, has_bronze
from spark_jobs.loaded import count_at_least
from trendscript.errors import NeedsAPerson

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from pyspark.sql import Column, DataFrame, SparkSession

    from spark_jobs.loaded import LoadedRange
    from spark_jobs.topic_state import TopicIdentity


# Spark's and Delta's words for files that their log names and that can't be read.
_BROKEN = re.compile(r"\[(FAILED_READ_FILE|DELTA_\w*NOT_FOUND|DELTA_TRUNCATED|DELTA_VERSIONS_NOT)[^\n]*")


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


class LakeBroken(NeedsAPerson):
    """Raised when a file of a topic's lake table can't be read: it was deleted, or is damaged."""

    def __init__(self, topic: str, said: str) -> None:
        self.topic, self.said = topic, said
        super().__init__(
            f"{topic}: a file of its table in the lake can't be read: {said} Nothing was changed. Put the file back "
            "from a backup; what Kafka still holds can be replayed from there. "
            f'A replay that is planned is given up by `trendscript replay {topic} --abandon --why "…"`.'
        )


@contextmanager
def lake_failures(topic: str) -> Iterator[None]:
    """Tell a lake that has lost or damaged files from what Spark fails with otherwise. Raises LakeBroken."""
    try:
        yield
    except (PySparkException, Py4JError) as error:
        broken = _BROKEN.search(str(error))
        if broken is None:
            raise
        raise LakeBroken(topic, broken[0].strip()) from error


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
        _with_content(_of_ranges(spark, identity, ranges, lake))
        .repartition(len({wanted.partition for wanted in ranges}), "partition")
        .withColumn("before", F.lag("offset").over(newest))
        .filter(F.col("before").isNull() | (F.col("before") != F.col("offset")))
        .select("partition", "offset", "timestamp", "key", "value", "headers")
        .sortWithinPartitions("partition", "offset")
    )


def _of_ranges(
    spark: SparkSession, identity: TopicIdentity, ranges: Sequence[OffsetRange], lake: str | None
) -> DataFrame:
    wanted = reduce(or_, map(_within, ranges))
    return _bronze(spark, identity.topic, lake).filter((F.col("topic_id") == identity.topic_id) & wanted)


def _with_content(bronze: DataFrame) -> DataFrame:
    """Messages but for those of which a purge has left only the place."""
    return bronze.filter(F.col(PURGED).isNull()) if PURGED in bronze.columns else bronze


def _within(wanted: OffsetRange) -> Column:
    offset = F.col("offset")
    in_range = (offset >= wanted.from_offset) & (offset < wanted.until_offset)
    return (F.col("partition") == wanted.partition) & in_range


def count_messages(messages: DataFrame) -> dict[int, int]:
    """How many messages each partition has."""
    return {row["partition"]: row["count"] for row in messages.groupBy("partition").count().collect()}


def count_purged(
    spark: SparkSession, identity: TopicIdentity, ranges: Sequence[OffsetRange], lake: str | None
) -> dict[int, int]:
    """How many messages of the ranges each partition had before a purge emptied them. Raises LakeMissing."""
    found = _of_ranges(spark, identity, ranges, lake)
    if PURGED not in found.columns:
        return {}
    return count_messages(found.filter(F.col(PURGED).isNotNull()).select("partition", "offset").distinct())


def count_held(
    spark: SparkSession, identity: TopicIdentity, ranges: Sequence[OffsetRange], lake: str | None
) -> dict[int, int]:
    """How many messages of the ranges each partition has or had. Raises LakeMissing or LakeBroken."""
    with lake_failures(identity.topic):
        held = Counter(count_messages(read_lake(spark, identity, ranges, lake)))
        return dict(held + Counter(count_purged(spark, identity, ranges, lake)))


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
    with lake_failures(identity.topic):
        rows = young.groupBy("partition").agg(F.min("offset").alias("first")).collect()
    return {row["partition"]: row["first"] for row in rows}


def _bronze(spark: SparkSession, topic: str, lake: str | None) -> DataFrame:
    if lake is None or not has_bronze(spark, lake, topic):
        raise LakeMissing(topic, lake)
    return spark.read.format("delta").load(bronze_path(lake, topic))
