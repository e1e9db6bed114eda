"""What the ledger says of topics, read from one snapshot: ranges, gaps, positions and purges, as values to compare."""

from __future__ import annotations

import sys
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2 spells its classes small)
    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (psycopg2 spells its classes small)

    from spark_jobs.batch import BatchKind
    from spark_jobs.spans import Span

_AT_ONCE = 10_000

Place = tuple[str, int]
"""A topic's id and a partition."""


@dataclass(frozen=True, slots=True)
class CommittedRange:
    """A range whose transaction is committed, and what it counted of messages."""

    batch_id: int
    kind: BatchKind
    topic_id: str
    partition: int
    from_offset: int
    until_offset: int
    read: int
    accepted: int
    quarantined: int
    skipped: int
    in_lake: bool

    @property
    def place(self) -> Place:
        """Which partition of which topic."""
        return self.topic_id, self.partition

    @property
    def span(self) -> Span:
        """Its offsets."""
        return self.from_offset, self.until_offset


@dataclass(frozen=True, slots=True)
class AcceptedGap:
    """Offsets that an operator gave up after the batch `after_batch`; nobody knows the end of an `until_offset` None.

    Of a `backward` one Kafka ended before the position: other messages came to stand at its offsets.
    """

    topic_id: str
    partition: int
    from_offset: int
    until_offset: int | None
    backward: bool
    after_batch: int


@dataclass(frozen=True, slots=True)
class PurgedLetters:
    """Messages that a purge took out of quarantine after the batch `after_batch`; `unclosed` of them still waited."""

    topic_id: str
    partition: int
    from_offset: int
    until_offset: int
    unclosed: int
    after_batch: int


@dataclass(frozen=True, slots=True)
class TopicLedger:
    """Everything the ledger says of a topic, under whatever ids it went.

    `short_batches` are committed, with a partition whose range isn't.
    """

    topic: str
    ranges: tuple[CommittedRange, ...]
    gaps: tuple[AcceptedGap, ...]
    positions: dict[Place, int]
    purged_letters: tuple[PurgedLetters, ...]
    short_batches: tuple[tuple[int, Place], ...] = ()
    unfinished_batch: int | None = None
    unfinished_purge: bool = False

    @property
    def loads(self) -> list[CommittedRange]:
        """Ranges of loads, in the order of their batches: only these move positions and fill the lake."""
        return [found for found in self.ranges if found.kind == "load"]

    @property
    def places(self) -> list[Place]:
        """Every partition that the ledger knows of."""
        open_places = (place for _, place in self.short_batches)
        return sorted({*self.positions, *open_places, *(found.place for found in self.loads)})


@dataclass(frozen=True, slots=True)
class PurgedRows:
    """What all purges did to a table's rows."""

    deleted: int = 0
    emptied: int = 0


def find_topics(cursor: Cursor) -> list[str]:
    """Every topic that was ever loaded."""
    cursor.execute("select topic from pipeline.topic order by topic")
    return [topic for (topic,) in cursor.fetchall()]


def read_ledger(cursor: Cursor, topic: str) -> TopicLedger:
    """What the ledger says of a topic."""
    purged = _read_purges(cursor, topic)
    return TopicLedger(
        topic=topic,
        ranges=tuple(_read_ranges(cursor.connection, topic)),
        gaps=tuple(_read_gaps(cursor, topic)),
        positions=_read_positions(cursor, topic),
        purged_letters=tuple(found for letters, _ in purged for found in letters),
        short_batches=tuple(_read_short_batches(cursor, topic)),
        unfinished_batch=_read_unfinished(cursor, topic),
        unfinished_purge=not all(finished for _, finished in purged),
    )


def _read_ranges(connection: Connection, topic: str) -> Iterator[CommittedRange]:
    """Ranges as they come: a ledger of years has millions, which are held once and not twice."""
    with connection.cursor("committed_ranges") as cursor:
        cursor.itersize = _AT_ONCE
        cursor.execute(
            """
            select b.batch_id, b.kind, b.topic_id, r.partition, r.from_offset, r.until_offset, coalesce(r.read, 0),
                coalesce(r.accepted, 0), coalesce(r.quarantined, 0), coalesce(r.skipped, 0), b.in_lake
            from pipeline.batch_range as r join pipeline.batch as b using (batch_id)
            where b.topic = %s and r.committed_at is not null order by b.batch_id, r.partition
            """,
            [topic],
        )
        for batch_id, kind, topic_id, *counts in cursor:
            yield CommittedRange(batch_id, kind, sys.intern(topic_id), *counts)


def _read_gaps(cursor: Cursor, topic: str) -> list[AcceptedGap]:
    cursor.execute(
        """
        select g.topic_id, g.partition, g.from_offset, g.until_offset, coalesce(g.fault = 'PositionAhead', false), (
            select coalesce(max(b.batch_id), 0) from pipeline.batch as b
            where b.topic = g.topic and b.planned_at <= g.decided_at
        )
        from pipeline.accepted_gap as g where g.topic = %s order by g.decided_at
        """,
        [topic],
    )
    return [AcceptedGap(*found) for found in cursor.fetchall()]


def _read_positions(cursor: Cursor, topic: str) -> dict[Place, int]:
    cursor.execute("select topic_id, partition, next_offset from pipeline.position where topic = %s", [topic])
    return {(topic_id, partition): offset for topic_id, partition, offset in cursor.fetchall()}


def _read_purges(cursor: Cursor, topic: str) -> list[tuple[list[PurgedLetters], bool]]:
    cursor.execute(
        "select letters, after_batch, finished_at is not null from pipeline.purge where topic = %s order by purge_id",
        [topic],
    )
    return [
        ([_to_purged_letters(found, after_batch) for found in letters], finished)
        for letters, after_batch, finished in cursor.fetchall()
    ]


def _to_purged_letters(found: dict[str, Any], after_batch: int) -> PurgedLetters:
    return PurgedLetters(
        found["topic_id"],
        found["partition"],
        found["from_offset"],
        found["until_offset"],
        found["unclosed"],
        after_batch,
    )


def _read_short_batches(cursor: Cursor, topic: str) -> list[tuple[int, Place]]:
    cursor.execute(
        """
        select b.batch_id, b.topic_id, r.partition
        from pipeline.batch as b join pipeline.batch_range as r using (batch_id)
        where b.topic = %s and b.state = 'committed' and r.committed_at is null order by b.batch_id, r.partition
        """,
        [topic],
    )
    return [(batch_id, (topic_id, partition)) for batch_id, topic_id, partition in cursor.fetchall()]


def _read_unfinished(cursor: Cursor, topic: str) -> int | None:
    cursor.execute("select batch_id from pipeline.batch where topic = %s and state = 'planned'", [topic])
    found = cursor.fetchone()
    return None if found is None else found[0]


def read_purged_rows(cursor: Cursor) -> dict[str, PurgedRows]:
    """By table, what purges of all topics deleted and emptied."""
    cursor.execute("select tables from pipeline.purge")
    totals: dict[str, PurgedRows] = defaultdict(PurgedRows)
    for (tables,) in cursor.fetchall():
        for name, counts in tables.items():
            known = totals[name]
            totals[name] = PurgedRows(known.deleted + counts["deleted"], known.emptied + counts["emptied"])
    return totals


def by_place(ranges: Sequence[CommittedRange]) -> dict[Place, list[CommittedRange]]:
    """Ranges of each partition, in the order they come in."""
    found: dict[Place, list[CommittedRange]] = defaultdict(list)
    for committed in ranges:
        found[committed.place].append(committed)
    return found
