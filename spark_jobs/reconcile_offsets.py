"""Offsets by the ledger alone: its ranges, gaps and positions go in; whether they follow one upon another comes out.

Up to the position of a partition each offset was loaded or given up, exactly once. Twice was only what stands where
an operator set the position back, since Kafka was restored from an older copy; only there may a load have been
further than the position is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spark_jobs.reconcile_ledger import by_place
from spark_jobs.reconciliation import Comparison
from spark_jobs.spans import count_offsets, find_overlaps, merge_spans, subtract_spans, to_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from spark_jobs.reconcile_ledger import CommittedRange, Place, TopicLedger
    from spark_jobs.spans import Span


def compare_offsets(ledger: TopicLedger) -> list[Comparison]:
    """By partition: the offsets up to the position, and how many of them were loaded or given up."""
    loads = by_place(ledger.loads)
    return [_compare_place(ledger, place, loads.get(place, [])) for place in ledger.places]


def _compare_place(ledger: TopicLedger, place: Place, loads: Sequence[CommittedRange]) -> Comparison:
    gaps = [gap for gap in ledger.gaps if (gap.topic_id, gap.partition) == place]
    given_up = [_gap_span(gap.from_offset, gap.until_offset) for gap in gaps if not gap.backward]
    backward = [_gap_span(gap.from_offset, gap.until_offset) for gap in gaps if gap.backward]
    loaded = [found.span for found in loads]
    covered = merge_spans([*loaded, *given_up])
    reached = max((end for _, end in covered), default=0)
    position = ledger.positions.get(place, reached)
    begin = min((begin for begin, _ in covered), default=position)
    missing = subtract_spans([(begin, position)], covered)
    beyond = subtract_spans(covered, [(0, position), *backward])
    twice = subtract_spans(find_overlaps(loaded), backward)
    faults = [
        *(["ranges were loaded, and the ledger has no position"] if loads and place not in ledger.positions else []),
        *(f"{to_words(span)}: neither loaded nor given up, though the position is {position}" for span in missing),
        *(f"{to_words(span)}: loaded, though the position is only {position}" for span in beyond),
        *(f"{to_words(span)}: loaded twice" for span in twice),
        *_open_ranges(ledger, place),
        *_uncounted(loads),
    ]
    topic_id, partition = place
    return Comparison(
        what="offsets",
        subject=ledger.topic,
        ledger=max(0, position - begin),
        found=count_offsets(subtract_spans([(begin, position)], missing)) + count_offsets([*beyond, *twice]),
        partition=partition,
        topic_id=topic_id,
        faults=tuple(f"{ledger.topic}, partition {partition}: {fault}." for fault in faults),
    )


def _gap_span(begin: int, end: int | None) -> Span:
    """Of a gap without an end nothing is known to have stood behind the position."""
    return begin, begin if end is None else end


def _open_ranges(ledger: TopicLedger, place: Place) -> Iterator[str]:
    """A batch that counts as committed though one of its ranges isn't."""
    for batch_id, open_place in ledger.short_batches:
        if open_place == place:
            yield f"batch {batch_id} is committed, and its range of this partition is not"


def _uncounted(loads: Sequence[CommittedRange]) -> Iterator[str]:
    for found in loads:
        if found.read + found.skipped != found.until_offset - found.from_offset:
            yield f"batch {found.batch_id} doesn't say what became of each message of {to_words(found.span)}"


def compare_messages(ledger: TopicLedger) -> list[Comparison]:
    """By partition: messages that loads read, and how many of them were accepted or quarantined."""
    comparisons, by_partition = [], by_place(ledger.loads)
    for topic_id, partition in ledger.places:
        loads = by_partition.get((topic_id, partition), [])
        read = sum(found.read for found in loads)
        counted = sum(found.accepted + found.quarantined for found in loads)
        fault = f"{ledger.topic}, partition {partition}: {read:,} messages were read and {counted:,} have an outcome."
        comparisons.append(
            Comparison(
                what="messages",
                subject=ledger.topic,
                ledger=read,
                found=counted,
                partition=partition,
                topic_id=topic_id,
                faults=() if read == counted else (fault,),
            )
        )
    return comparisons
