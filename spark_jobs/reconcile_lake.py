"""The lake by the ledger: what loads read goes in, with the messages that bronze holds; where they differ comes out.

Of each offset range that a load kept in the lake, bronze holds every message, each once a batch: a place may be there
twice only after a database was restored, under two batches. Bronze may run ahead of the ledger by the batch that is
under way, and hold what a restored ledger has yet to load again; so only offsets that the ledger has are looked at.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from delta.tables import DeltaTable
from pyspark.sql import functions as F  # noqa: N812  (the name every PySpark reader knows)

from spark_jobs.bronze import bronze_path
from spark_jobs.lake import lake_failures
from spark_jobs.reconcile_ledger import by_place
from spark_jobs.reconciliation import Comparison
from spark_jobs.spans import merge_spans

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pyspark.sql import Column, SparkSession

    from spark_jobs.reconcile_ledger import CommittedRange, Place, TopicLedger
    from spark_jobs.spans import Span


@dataclass(frozen=True, slots=True)
class Kept:
    """What the lake should hold of a partition: its offsets, and how many messages at least and at most."""

    spans: tuple[Span, ...]
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Held:
    """What it holds there: places with a message, and rows beyond one a place and batch."""

    places: int = 0
    doubled: int = 0


def find_kept(ledger: TopicLedger) -> dict[Place, Kept]:
    """By partition, what loads kept in the lake; of offsets that were loaded twice only the later load counts."""
    found: dict[Place, Kept] = {}
    for place, loads in by_place(ledger.loads).items():
        parts = [(load, span) for load, span in _cut_off(loads) if load.in_lake]
        if parts:
            found[place] = Kept(
                tuple(merge_spans(span for _, span in parts)),
                sum(max(0, span[1] - span[0] - load.skipped) for load, span in parts),
                sum(min(span[1] - span[0], load.read) for load, span in parts),
            )
    return found


def _cut_off(loads: Sequence[CommittedRange]) -> Iterator[tuple[CommittedRange, Span]]:
    """Each load's offsets up to where a later one begins."""
    begin: int | None = None
    for load in reversed(loads):
        end = load.until_offset if begin is None else min(load.until_offset, begin)
        begin = load.from_offset if begin is None else min(load.from_offset, begin)
        if load.from_offset < end:
            yield load, (load.from_offset, end)


def read_held(spark: SparkSession, lake: str, topic: str, kept: Mapping[Place, Kept]) -> dict[Place, Held]:
    """Count what bronze holds of these offsets, purged messages included. Raises LakeBroken."""
    path = bronze_path(lake, topic)
    with lake_failures(topic):
        if not DeltaTable.isDeltaTable(spark, path):
            return {}
        of_place = (
            spark.read.format("delta")
            .load(path)
            .filter(reduce(or_, (_within(place, span) for place, found in kept.items() for span in found.spans)))
            .groupBy("topic_id", "partition", "offset")
            .agg(F.count("*").alias("rows"), F.size(F.collect_set("batch_id")).alias("batches"))
        )
        counted = (
            of_place.groupBy("topic_id", "partition")
            .agg(F.count("*").alias("places"), F.sum(F.col("rows") - F.col("batches")).alias("doubled"))
            .collect()
        )
    return {(row["topic_id"], row["partition"]): Held(row["places"], row["doubled"]) for row in counted}


def _within(place: Place, span: Span) -> Column:
    topic_id, partition = place
    in_span = (F.col("offset") >= span[0]) & (F.col("offset") < span[1])
    return (F.col("topic_id") == topic_id) & (F.col("partition") == partition) & in_span


def compare_lake(topic: str, kept: Mapping[Place, Kept], held: Mapping[Place, Held]) -> list[Comparison]:
    """By partition: messages that loads kept in the lake, and those it holds."""
    there = defaultdict(Held, held)
    return [
        Comparison(
            what="messages in the lake",
            subject=topic,
            ledger=found.least,
            at_most=found.most if found.most > found.least else None,
            found=there[place].places,
            partition=place[1],
            topic_id=place[0],
            faults=tuple(f"{topic}, partition {place[1]}: {fault}." for fault in _find_faults(found, there[place])),
        )
        for place, found in sorted(kept.items())
    ]


def _find_faults(kept: Kept, held: Held) -> Iterator[str]:
    if held.places < kept.least:
        yield f"the lake lacks {kept.least - held.places:,} of {kept.least:,} messages that were loaded"
    if held.places > kept.most:
        yield f"the lake holds {held.places - kept.most:,} messages more than were loaded"
    if held.doubled:
        yield f"the lake holds {held.doubled:,} messages more than once in a batch"


def broken_lake(topic: str, kept: Mapping[Place, Kept], said: str) -> Comparison:
    """A topic's lake that can't be read."""
    least = sum(found.least for found in kept.values())
    return Comparison("messages in the lake", topic, least, 0, faults=(said,))
