"""Quarantine by the ledger: what batches refused goes in, with the letters that are there; where they differ comes out.

A letter is unclosed while it is open or discarded. A load leaves as many unclosed letters at its offsets as it
refused messages. A replay that reads them again leaves those it refuses. A retry takes away those it accepts, and a
purge those it deletes. Where a replay reads a part of what a load read, or doesn't find all of its messages again,
only bounds are known: nobody counted which part a letter stood in.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

from spark_jobs.reconcile_ledger import by_place
from spark_jobs.reconciliation import Comparison
from spark_jobs.spans import to_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (psycopg2 spells its classes small)

    from spark_jobs.reconcile_ledger import CommittedRange, Place, TopicLedger

ASIDE = " before "
"""In the topic id of a letter that `accept-gap` set aside, since another message came to stand at its offset."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A quarantined message, by its place and by the batches that refused and accepted it."""

    topic_id: str
    partition: int
    offset: int
    unclosed: bool
    batch_id: int
    closed_by: int | None

    @property
    def place(self) -> Place:
        """Which partition of which topic."""
        return self.topic_id, self.partition


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Offsets, and how many unclosed letters there are at least and at most."""

    begin: int
    end: int
    least: int
    most: int

    def cut(self, begin: int, end: int) -> _Stretch:
        """The part of it between two offsets; what is known of the whole limits what is known of the part."""
        kept = max(0, min(self.end, end) - max(self.begin, begin))
        others = self.end - self.begin - kept
        return _Stretch(max(self.begin, begin), min(self.end, end), max(0, self.least - others), min(self.most, kept))


def read_letters(cursor: Cursor, topic: str) -> list[Letter]:
    """All letters of a topic, without what is in them."""
    cursor.execute(
        """
        select topic_id, partition, "offset", state <> 'closed', batch_id,
            case when state = 'closed' then closed_by_batch end
        from pipeline.dead_letter where topic = %s order by topic_id, partition, "offset"
        """,
        [topic],
    )
    return [Letter(*found) for found in cursor.fetchall()]


def compare_letters(ledger: TopicLedger, letters: Sequence[Letter]) -> list[Comparison]:
    """By partition: unclosed letters that the batches leave, and those that are there."""
    unclosed: dict[Place, list[int]] = defaultdict(list)
    for letter in letters:
        if letter.unclosed:
            unclosed[letter.place].append(letter.offset)
    strays: dict[Place, list[str]] = defaultdict(list)
    for letter, fault in _find_strays(ledger, letters):
        strays[letter.topic_id.partition(ASIDE)[0], letter.partition].append(fault)
    places = sorted({*ledger.places, *strays})
    ranges = by_place(ledger.ranges)
    return [
        _compare_place(ledger, place, _expect(ledger, place, ranges.get(place, [])), unclosed[place], strays[place])
        for place in places
    ]


def _compare_place(
    ledger: TopicLedger, place: Place, stretches: Sequence[_Stretch], offsets: Sequence[int], strays: Sequence[str]
) -> Comparison:
    counted = [bisect_left(offsets, found.end) - bisect_left(offsets, found.begin) for found in stretches]
    least, most = sum(found.least for found in stretches), sum(found.most for found in stretches)
    faults = [
        f"{to_words((found.begin, found.end))}: {_expected(found)} waiting in quarantine by the ledger, {there:,} there"
        for found, there in zip(stretches, counted, strict=True)
        if not found.least <= there <= found.most
    ]
    if strays:
        faults.append(f"{strays[0]}{f', and {len(strays) - 1:,} more' if len(strays) > 1 else ''}")
    topic_id, partition = place
    return Comparison(
        what="dead letters",
        subject=ledger.topic,
        ledger=least,
        at_most=most if most > least else None,
        found=sum(counted),
        partition=partition,
        topic_id=topic_id,
        faults=tuple(f"{ledger.topic}, partition {partition}: {fault}." for fault in faults),
    )


def _expected(found: _Stretch) -> str:
    return f"{found.least:,}" if found.least == found.most else f"{found.least:,} to {found.most:,}"


def _expect(ledger: TopicLedger, place: Place, ranges: Sequence[CommittedRange]) -> list[_Stretch]:
    """How many unclosed letters each stretch of a partition has, in order, by what happened one after another."""
    stretches: list[_Stretch] = []
    for happened in _history(ledger, place, ranges):
        happened.apply(stretches)
    return stretches


@dataclass(frozen=True, slots=True)
class _Read:
    """Messages were read; those that were refused are in quarantine, and those that did not come stay there."""

    begin: int
    end: int
    refused: int
    unread: int

    def apply(self, stretches: list[_Stretch]) -> None:
        if stretches and stretches[-1].end > self.begin:
            before = sum(found.cut(self.begin, self.end).most for found in stretches)
            stretches[:] = [part for found in stretches for part in _without(found, self.begin, self.end)]
        else:
            before = 0
        new = _Stretch(self.begin, self.end, self.refused, self.refused + min(self.unread, before))
        insort(stretches, new, key=attrgetter("begin"))


@dataclass(frozen=True, slots=True)
class _Taken:
    """Letters left quarantine, from wherever they stood between two offsets."""

    begin: int
    end: int
    letters: int

    def apply(self, stretches: list[_Stretch]) -> None:
        met = [number for number, found in enumerate(stretches) if found.begin < self.end and self.begin < found.end]
        if met:
            first, last = met[0], met[-1] + 1
            least = sum(found.least for found in stretches[first:last]) - self.letters
            most = sum(found.most for found in stretches[first:last]) - self.letters
            joined = _Stretch(stretches[first].begin, stretches[last - 1].end, max(0, least), max(0, most))
            stretches[first:last] = [joined]


@dataclass(frozen=True, slots=True)
class _SetBack:
    """The position went back: letters from there on were set aside."""

    begin: int

    def apply(self, stretches: list[_Stretch]) -> None:
        stretches[:] = [part for found in stretches for part in _without(found, self.begin, found.end)]


def _without(found: _Stretch, begin: int, end: int) -> Iterator[_Stretch]:
    if begin >= found.end or found.begin >= end:
        yield found
        return
    if found.begin < begin:
        yield found.cut(found.begin, begin)
    if end < found.end:
        yield found.cut(end, found.end)


def _history(ledger: TopicLedger, place: Place, ranges: Sequence[CommittedRange]) -> list[_Read | _Taken | _SetBack]:
    """What happened to a partition's letters, of which these are the ranges, in order."""
    dated = [
        *(((found.batch_id, 0), _of_range(found)) for found in ranges),
        *(
            ((gap.after_batch, 1), _SetBack(gap.from_offset))
            for gap in ledger.gaps
            if gap.backward and (gap.topic_id, gap.partition) == place
        ),
        *(
            ((purged.after_batch, 1), _Taken(purged.from_offset, purged.until_offset, purged.unclosed))
            for purged in ledger.purged_letters
            if (purged.topic_id, purged.partition) == place and purged.unclosed
        ),
    ]
    return [happened for _, happened in sorted(dated, key=lambda found: found[0])]


def _of_range(found: CommittedRange) -> _Read | _Taken:
    if found.kind == "retry":
        return _Taken(found.from_offset, found.until_offset, found.accepted)
    unread = found.skipped if found.kind == "replay" else 0
    return _Read(found.from_offset, found.until_offset, found.quarantined, unread)


def _find_strays(ledger: TopicLedger, letters: Iterable[Letter]) -> Iterator[tuple[Letter, str]]:
    """Letters whose batches did not read their offset, by the ledger."""
    spans = {(found.batch_id, found.partition): found.span for found in ledger.ranges}
    for letter in letters:
        for batch_id, did in ((letter.batch_id, "refused"), (letter.closed_by, "accepted")):
            if batch_id is None:
                continue
            begin, end = spans.get((batch_id, letter.partition), (0, 0))
            if not begin <= letter.offset < end:
                yield letter, f"offset {letter.offset}: {did} by batch {batch_id}, which has no such offset"
