"""An import: paths go in, messages come out in order, and at the end a report of every file."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING

from ingest.files.bodies import Bodies
from ingest.files.entries import CutShort, Entry, Fault, FileRefused, FileReport
from ingest.files.readings import group_readings, to_messages
from ingest.files.tables import read_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ingest.files.entries import Given
    from ingest.files.rejects import Rejects
    from trendscript.kafka import Message

_JSON_NAME = re.compile(r"\.jsonl?(\.(xz|gz))?$", re.IGNORECASE)


class Import:
    """One run over files. `messages` may be taken once; `reports` are final when it is exhausted.

    At each message the reports hold: rows read so far = published + rejected + rows of the reading under way.
    """

    def __init__(self, paths: Sequence[Path], given: Given, rejects: Rejects) -> None:
        self.reports = [FileReport(path) for path in paths]
        self._given = given
        self._rejects = rejects

    @property
    def published(self) -> int:
        """Rows whose message was handed on."""
        return sum(report.published for report in self.reports)

    @property
    def rejected(self) -> int:
        """Rows that have no message."""
        return sum(report.rejected for report in self.reports)

    @property
    def refused_files(self) -> list[FileReport]:
        """Files that could not be read, or of which no row could be published."""
        return [report for report in self.reports if report.error or (report.rows and not report.published)]

    def messages(self) -> Iterator[Message]:
        """The messages of all files, in their order; bounded memory, one reading at a time."""
        for reading in group_readings(self._entries()):
            yield from self._publishable(reading)

    def _publishable(self, reading: list[Entry]) -> Iterator[Message]:
        counted = False
        for entry, outcome in to_messages(reading, category=self._given.category):
            if isinstance(outcome, Fault):
                self._rejects.add(entry, outcome)
                continue
            if not counted:
                entry.report.readings += 1
                counted = True
            entry.report.published += 1
            yield outcome

    def _entries(self) -> Iterator[Entry | CutShort]:
        bodies = Bodies(self._given)
        for report in self.reports:
            yield from self._file_entries(report, bodies)

    def _file_entries(self, report: FileReport, bodies: Bodies) -> Iterator[Entry | CutShort]:
        try:
            if is_json(report.path):
                entries = bodies.read(report)
            else:
                bodies.end_pages()
                entries = _with_start(read_table(report, self._given))
            for entry in entries:
                report.rows += 1
                yield entry
        except FileRefused as refused:
            report.error = str(refused)
            bodies.end_pages()
            if report.rows:
                yield CutShort()


def _with_start(entries: Iterator[Entry]) -> Iterator[Entry]:
    first = next(entries, None)
    if first is None:
        return iter(())
    first.starts = True
    return chain((first,), entries)


def is_json(path: Path) -> bool:
    """Whether the file's name says JSON, packed or not."""
    return bool(_JSON_NAME.search(path.name))
