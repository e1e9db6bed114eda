"""Reconciliation: what the ledger says and what is there go in, side by side, with a sentence for each difference."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from trendscript.errors import NeedsAPerson

if TYPE_CHECKING:
    from collections.abc import Iterable

What = Literal["offsets", "messages", "dead letters", "messages in the lake", "rows"]


class LedgerDisagrees(NeedsAPerson):
    """Raised when ledger, lake, quarantine and tables don't say the same of what was loaded."""

    def __init__(self, differences: Iterable[str]) -> None:
        self.differences = tuple(differences)
        number = len(self.differences)
        super().__init__(
            f"{number:,} {'difference' if number == 1 else 'differences'} between the ledger and what is there. "
            "Nothing was changed. What was deleted by hand, or restored in part, shows so; "
            "`trendscript replay` brings back rows whose messages Kafka or the lake still holds."
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """One thing that the ledger says and that was counted. `faults` are the sentences about where the two differ.

    `subject` is a topic or a table; of a topic, the partition and the topic's id. Where the ledger only knows
    bounds, `ledger` is the least that must be there and `at_most` the most.
    """

    what: What
    subject: str
    ledger: int
    found: int
    partition: int | None = None
    topic_id: str | None = None
    at_most: int | None = None
    faults: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As `reconcile --json` prints it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """All comparisons of a run, and what is no difference but worth knowing."""

    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...] = ()

    @property
    def differences(self) -> tuple[str, ...]:
        """A sentence a difference; none when everything agrees."""
        return tuple(fault for comparison in self.comparisons for fault in comparison.faults)

    def to_json(self) -> dict[str, Any]:
        """As `reconcile --json` prints it."""
        return {
            "agrees": not self.differences,
            "differences": list(self.differences),
            "notes": list(self.notes),
            "comparisons": [comparison.to_json() for comparison in self.comparisons],
        }
