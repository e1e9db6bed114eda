"""What passes between the steps of an import: the user's words, one row each, and what became of a file's rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from trendscript.errors import InputRefused

if TYPE_CHECKING:
    from datetime import datetime, tzinfo
    from pathlib import Path


class Fault(NamedTuple):
    """Why a row is not published: a code from a closed set, and a sentence about this row."""

    code: str
    text: str


class RowRefused(ValueError):
    """Raised when a row, or a cell of it, says nothing that is certain; carries the fault."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.fault = Fault(code, text)


class FileRefused(InputRefused):
    """Raised when a file can't be read, or can't be read further; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Given:
    """What the user said about the files: used where a file does not say it itself.

    `year` is the year of the first date of a file whose dates have none; `time_zone` that of times
    written without an offset; `captured_at` the time of rows and API answers that have no time.
    """

    region: str | None = None
    category: str = "0"
    captured_at: datetime | None = None
    year: int | None = None
    time_zone: tzinfo | None = None


@dataclass(slots=True)
class FileReport:
    """What became of one file: rows = published + rejected, once the import has ended."""

    path: Path
    layout: str | None = None
    rows: int = 0
    readings: int = 0
    published: int = 0
    rejected: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    error: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The report as `--json` prints it."""
        return {
            "path": str(self.path),
            "layout": self.layout,
            "rows": self.rows,
            "readings": self.readings,
            "published": self.published,
            "rejected": self.rejected,
            "reasons": dict(self.reasons),
            "error": self.error,
        }


@dataclass(slots=True)
class Entry:
    """One row of a file on its way to the topic.

    `row` is the row as it came, `line` the line it starts on, from 1. `captured_at` is None where the
    row's time can't be read: such an entry keeps its place between its neighbours. `starts` says
    whether the entry begins a reading; None leaves that to its region and time. An entry with no
    item and no fault is a reading that was empty. `total` is how many rows the reading had where the
    source says so because not all of them are here; `verbatim` that the item is the row.
    """

    report: FileReport
    line: int
    row: Any
    region: str = ""
    captured_at: datetime | None = None
    item: dict[str, Any] | None = None
    fault: Fault | None = None
    starts: bool | None = None
    total: int | None = None
    verbatim: bool = False


@dataclass(frozen=True, slots=True)
class CutShort:
    """Stands where a file broke off: the reading under way is not whole."""
