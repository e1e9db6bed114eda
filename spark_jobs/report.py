"""Reports: what the ledger says of a batch goes in, what a person or a script reads of it comes out."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import orjson

from spark_jobs.counts import MessageCounts, TableCounts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from spark_jobs.batch import Batch, BatchKind


@dataclass(frozen=True, slots=True)
class RangeOutcome:
    """What the ledger says of a committed range."""

    partition: int
    messages: MessageCounts
    tables: dict[str, TableCounts]
    seconds: dict[str, float]


@dataclass(frozen=True, slots=True)
class BatchReport:
    """Counts of a batch over all its ranges, and the seconds its steps took."""

    batch_id: int
    kind: BatchKind
    ranges: tuple[dict[str, int], ...]
    messages: MessageCounts
    tables: dict[str, TableCounts]
    seconds: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """The batch as `load --json` prints it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class TopicReport:
    """The batches of one topic in one run; none when nothing waited. A `note` says what stopped it after them."""

    topic: str
    batches: tuple[BatchReport, ...]
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """The topic as `load --json` prints it."""
        report: dict[str, Any] = {"topic": self.topic, "batches": [batch.to_json() for batch in self.batches]}
        return report | ({"note": self.note} if self.note else {})

    @property
    def messages(self) -> MessageCounts:
        """Counts over all batches."""
        return self.totals.messages

    @property
    def tables(self) -> dict[str, TableCounts]:
        """Counts by table over all batches."""
        return self.totals.tables

    @property
    def totals(self) -> TopicTotals:
        """What is left of it without the single batches."""
        return TopicTotals(self.topic, note=self.note).plus(self.batches)


@dataclass(frozen=True, slots=True)
class TopicTotals:
    """What became of a topic's messages and rows over any number of batches."""

    topic: str
    batches: int = 0
    messages: MessageCounts = field(default_factory=MessageCounts)
    tables: dict[str, TableCounts] = field(default_factory=dict)
    note: str = ""

    def plus(self, batches: Iterable[BatchReport]) -> TopicTotals:
        """These and the batches."""
        found = list(batches)
        return replace(
            self,
            batches=self.batches + len(found),
            messages=sum((batch.messages for batch in found), self.messages),
            tables=_sum_tables([self.tables, *(batch.tables for batch in found)]),
        )


def to_batch_report(batch: Batch, outcomes: list[RangeOutcome], seconds: dict[str, float]) -> BatchReport:
    """Sum up the ranges of a batch as the ledger counted them."""
    return BatchReport(
        batch_id=batch.batch_id,
        kind=batch.kind,
        ranges=tuple(asdict(found.messages) | {"partition": found.partition} for found in outcomes),
        messages=sum((found.messages for found in outcomes), MessageCounts()),
        tables=_sum_tables(found.tables for found in outcomes),
        seconds=seconds,
    )


def to_rehearsal_report(batch: Batch, outcomes: Iterable[Any], seconds: dict[str, float]) -> BatchReport:
    """Sum up what a dry run's ranges would have done; a range without messages counts as skipped."""
    found = {outcome["partition"]: _to_outcome(outcome) for outcome in outcomes}
    for empty in batch.ranges:
        found.setdefault(empty.partition, RangeOutcome(empty.partition, MessageCounts(skipped=empty.offsets), {}, {}))
    return to_batch_report(batch, [found[partition] for partition in sorted(found)], seconds)


def _to_outcome(outcome: Any) -> RangeOutcome:
    details = orjson.loads(outcome["details"])
    tables = {name: TableCounts(**counts) for name, counts in details["tables"].items()}
    return RangeOutcome(outcome["partition"], MessageCounts(**details["messages"]), tables, details["seconds"])


def _sum_tables(parts: Iterable[dict[str, TableCounts]]) -> dict[str, TableCounts]:
    total: dict[str, TableCounts] = {}
    for part in parts:
        for name, counts in part.items():
            total[name] = total.get(name, TableCounts()) + counts
    return total
