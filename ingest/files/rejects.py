"""Rejected rows: each is told on standard error, at first, and written to a file as it came, with its reason."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from trendscript.errors import NeedsAPerson

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingest.files.entries import Entry, Fault

_TOLD_PER_FILE = 10


def default_reject_file(first: Path) -> Path:
    """A name in the working folder that is free: `USvideos.csv.rejects.jsonl`, or with a number."""
    names = (Path(f"{first.name}.rejects{'' if number == 1 else f'-{number}'}.jsonl") for number in count(1))
    return next(name for name in names if not name.exists())


class RejectFileRefused(NeedsAPerson):
    """Raised when the file for rejected rows can't be written; the import stops rather than lose one."""


class Rejects:
    """Collects rejected rows; the file comes into being with the first. A context manager.

    With no path, rows are counted and told only. `tell` gets one line of text for a person.
    """

    def __init__(self, path: Path | None, tell: Callable[[str], None]) -> None:
        self.path = path
        self.count = 0
        self._tell = tell
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, entry: Entry, fault: Fault) -> None:
        """Keep one row: written, counted on its file's report, and told while its file has few."""
        report = entry.report
        report.rejected += 1
        report.reasons[fault.code] += 1
        self.count += 1
        if report.rejected <= _TOLD_PER_FILE:
            self._tell(f"{report.path}:{entry.line}: {fault.text}")
        elif report.rejected == _TOLD_PER_FILE + 1:
            self._tell(f"{report.path}: more rows are rejected; {self._where()}")
        if self.path is not None:
            self._write(self.path, entry, fault)

    def _where(self) -> str:
        return f"all of them are in {self.path}." if self.path else "the report counts them."

    def _write(self, path: Path, entry: Entry, fault: Fault) -> None:
        # json, not orjson: bytes that are no UTF-8 are lone surrogates here, and stay as \\udcXX.
        line = json.dumps(
            {
                "file": str(entry.report.path),
                "line": entry.line,
                "reason": fault.code,
                "detail": fault.text,
                "row": entry.row,
            }
        )
        try:
            if self._file is None:
                self._file = path.open("w", encoding="ascii")
            self._file.write(line + "\n")
        except OSError as error:
            raise RejectFileRefused(
                f"Rejected rows can't be written to {path} ({error.strerror}). Name another with --reject-file."
            ) from error
