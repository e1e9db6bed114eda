"""Counts: what became of the rows of a table, of the messages of a range; they add up or the transaction ends."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Self

from trendscript.errors import NeedsAPerson


class CountsDisagree(NeedsAPerson):
    """Raised when what the statements did doesn't add up to what was read; the transaction is rolled back."""


@dataclass(frozen=True, slots=True)
class TableCounts:
    """Outcomes of the rows staged for one table.

    `deleted` counts rows that a winning parent no longer holds, `stubs` parents made for early children;
    neither is among `rows`.
    """

    rows: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    stale: int = 0
    duplicate: int = 0
    deleted: int = 0
    stubs: int = 0

    def __add__(self, other: Self) -> TableCounts:
        return TableCounts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def check(self, table: str) -> None:
        """Raises CountsDisagree unless every row has exactly one outcome."""
        outcomes = self.inserted + self.updated + self.unchanged + self.stale + self.duplicate
        if self.rows != outcomes:
            raise CountsDisagree(
                f"{table}: {self.rows} rows were staged and {outcomes} have an outcome ({asdict(self)}). "
                "Nothing was written. This breaks the loader's promise; keep its log and report it."
            )

    def check_staged(self, table: str, enforced: int) -> None:
        """Raises CountsDisagree unless every row that the contract gave was staged."""
        if self.rows != enforced:
            raise CountsDisagree(f"{table}: the contract gave {enforced} rows, {self.rows} were staged")


@dataclass(frozen=True, slots=True)
class MessageCounts:
    """Outcomes of the messages of a range. `skipped` offsets held no visible message."""

    read: int = 0
    accepted: int = 0
    quarantined: int = 0
    skipped: int = 0

    def __add__(self, other: Self) -> MessageCounts:
        return MessageCounts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def check(self, offsets: int) -> None:
        """Raises CountsDisagree unless every offset of the range has exactly one outcome."""
        if self.read != self.accepted + self.quarantined or self.read + self.skipped != offsets or self.skipped < 0:
            raise CountsDisagree(
                f"{offsets} offsets were planned and counted as {asdict(self)}. "
                "Nothing was written. This breaks the loader's promise; keep its log and report it."
            )
