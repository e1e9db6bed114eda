"""A planned batch: what the driver decided to read, as values that travel to the executors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from spark_jobs.statements import TableStatements
    from trendscript.contracts.model import Contract

BatchKind = Literal["load", "replay", "retry"]
BatchSource = Literal["kafka", "lake", "quarantine"]


@dataclass(frozen=True, slots=True)
class OffsetRange:
    """Offsets `from_offset` (included) to `until_offset` (excluded) of one partition."""

    partition: int
    from_offset: int
    until_offset: int

    def __str__(self) -> str:
        return f"partition {self.partition}, offsets {self.from_offset} to {self.until_offset - 1}"

    @property
    def offsets(self) -> int:
        """How many offsets the range spans; some may hold no visible message."""
        return self.until_offset - self.from_offset


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as it stands in the ledger. `topic_id` tells this topic from a later one of the same name.

    `letter_reason`, of a retry, limits it to messages that were refused for this reason.
    """

    batch_id: int
    topic: str
    topic_id: str
    kind: BatchKind
    ranges: tuple[OffsetRange, ...]
    resumed: bool = False
    source: BatchSource = "kafka"
    letter_reason: str | None = None

    def range_of(self, partition: int) -> OffsetRange:
        """The range of a partition. Raises KeyError when the batch has none."""
        for offset_range in self.ranges:
            if offset_range.partition == partition:
                return offset_range
        raise KeyError(partition)


@dataclass(frozen=True, slots=True)
class RangeTask:
    """All that an executor needs to load any range of a batch, but the password, which it reads itself.

    `expected`, of a batch from the lake, is how many messages each partition's range holds there.
    """

    batch: Batch
    contract: Contract
    tables: tuple[TableStatements, ...]
    dsn: str
    bootstrap_servers: str
    client_properties: Path | None
    dry_run: bool = False
    expected: Mapping[int, int] | None = None
