"""Offsets that were loaded before: the ledger's committed ranges go in, the ranges that a replay may read come out."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from spark_jobs.batch import OffsetRange
from spark_jobs.offsets import plan_ranges

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (psycopg2 spells its classes small)


@dataclass(frozen=True, slots=True)
class LoadedRange:
    """A range that a load committed; `skipped` of its offsets held no visible message."""

    partition: int
    from_offset: int
    until_offset: int
    skipped: int = 0


def read_loaded(cursor: Cursor, topic_id: str) -> list[LoadedRange]:
    """What loads committed of a topic, by partition and offset.

    A position that an operator set back is loaded over again: of offsets that were loaded twice the later load counts.
    """
    cursor.execute(
        """
        select r.partition, r.from_offset, r.until_offset, r.skipped
        from pipeline.batch_range as r join pipeline.batch as b using (batch_id)
        where b.topic_id = %s and b.kind = 'load' and r.committed_at is not null order by r.partition, r.batch_id
        """,
        [topic_id],
    )
    return keep_latest(LoadedRange(*found) for found in cursor.fetchall())


def keep_latest(loaded: Iterable[LoadedRange]) -> list[LoadedRange]:
    """The ranges, given by partition in the order of their batches, cut off where a later one begins."""
    kept: list[LoadedRange] = []
    for found in loaded:
        while kept and kept[-1].partition == found.partition and kept[-1].until_offset > found.from_offset:
            cut = kept.pop()
            if cut.from_offset < found.from_offset:
                kept.append(LoadedRange(cut.partition, cut.from_offset, found.from_offset, cut.skipped))
        kept.append(found)
    return kept


def plan_replay_ranges(
    loaded: Sequence[LoadedRange], positions: Mapping[int, int], begins: Mapping[int, int], until: int | None
) -> list[OffsetRange]:
    """What was loaded of the offsets asked for: of each partition in `begins` from there, up to `until` where given.

    Never beyond a position, and without the gaps that operators accepted. Neighbours are one range.
    """
    ranges: list[OffsetRange] = []
    for partition, of_partition in groupby(loaded, key=attrgetter("partition")):
        if partition not in begins or partition not in positions:
            continue
        end = positions[partition] if until is None else min(until, positions[partition])
        for found in of_partition:
            begin, stop = max(found.from_offset, begins[partition]), min(found.until_offset, end)
            if begin < stop:
                _append(ranges, OffsetRange(partition, begin, stop))
    return ranges


def _append(ranges: list[OffsetRange], found: OffsetRange) -> None:
    if ranges and ranges[-1].partition == found.partition and ranges[-1].until_offset == found.from_offset:
        found = OffsetRange(found.partition, ranges.pop().from_offset, found.until_offset)
    ranges.append(found)


def take_ranges(waiting: Sequence[OffsetRange], max_messages: int) -> tuple[tuple[OffsetRange, ...], list[OffsetRange]]:
    """The ranges of the next batch, at most one a partition, and what waits after it."""
    first: dict[int, OffsetRange] = {}
    for found in waiting:
        first.setdefault(found.partition, found)
    begins = {partition: found.from_offset for partition, found in first.items()}
    taken = plan_ranges(begins, {partition: found.until_offset for partition, found in first.items()}, max_messages)
    ends = {found.partition: found.until_offset for found in taken}
    rest = [
        OffsetRange(found.partition, max(found.from_offset, ends.get(found.partition, 0)), found.until_offset)
        for found in waiting
    ]
    return taken, [found for found in rest if found.offsets > 0]


def count_at_least(loaded: Iterable[LoadedRange], wanted: OffsetRange) -> int:
    """How many messages a range holds at least: all its offsets but those that a load found without one."""
    total = 0
    for found in loaded:
        shared = min(found.until_offset, wanted.until_offset) - max(found.from_offset, wanted.from_offset)
        if found.partition == wanted.partition and shared > 0:
            total += max(0, shared - found.skipped)
    return total
