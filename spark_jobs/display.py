"""What a person sees of a load: a line a step while it runs, a table at the end; plain text in a pipe."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from spark_jobs.dead_letters import to_text

if TYPE_CHECKING:
    from spark_jobs.dead_letters import DeadLetter
    from spark_jobs.report import TopicReport

_PREVIEW = 60


class Progress:
    """Says each step on standard error as it begins: in place on a terminal, a line each elsewhere."""

    def __init__(self, *, quiet: bool) -> None:
        self._console = Console(stderr=True)
        self._quiet = quiet and not sys.stderr.isatty()
        self._started = time.perf_counter()
        self._status = self._console.status("")

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()

    def step(self, topic: str, text: str) -> None:
        """A step of a topic begins."""
        line = f"{time.perf_counter() - self._started:5.1f} s  {topic}{': ' if topic else ''}{text}"
        if self._console.is_terminal:
            self._status.update(Text(line))
        elif not self._quiet:
            self._console.print(Text(line), soft_wrap=True)


def print_reports(reports: list[TopicReport], *, dry_run: bool) -> None:
    """A line a topic and a row a table: what became of every message and row."""
    console = Console()
    table = Table("table", *(_right(name) for name in _COLUMNS), title_justify="left")
    for report in reports:
        counts = report.messages
        would = "would be " if dry_run else ""
        if report.note:
            console.print(Text(report.note))
        elif not report.batches:
            console.print(Text(f"{report.topic}: nothing new"))
        else:
            console.print(
                Text(
                    f"{report.topic}: {counts.read:,} messages read, {counts.accepted:,} {would}accepted, "
                    f"{counts.quarantined:,} {would}quarantined, in {_count(len(report.batches), 'batch', 'batches')}"
                )
            )
        for name, row in report.tables.items():
            table.add_row(name, *(f"{asdict(row)[column]:,}" for column in _COLUMNS))
    if table.row_count:
        console.print(table)
    if any(report.messages.quarantined for report in reports) and not dry_run:
        console.print("`trendscript dead-letters list` shows what was quarantined and why.")


_COLUMNS = ("rows", "inserted", "updated", "unchanged", "stale", "duplicate", "deleted", "stubs")


def _right(name: str) -> Column:
    return Column(name, justify="right")


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def print_dead_letters(total: int, letters: list[DeadLetter]) -> None:
    """A row a message, and how many there are in all."""
    console = Console()
    if not letters:
        console.print("Nothing is in quarantine.")
        return
    table = Table("id", "reason", "state", "since (UTC)", "begins with")
    for letter in letters:
        since = letter.first_seen_at.strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(
            *(Text(cell) for cell in (letter.identifier, letter.reason, letter.state, since, _preview(letter)))
        )
    console.print(table)
    console.print(f"{len(letters):,} of {total:,} shown. `trendscript dead-letters show ID` shows one whole.")


def _preview(letter: DeadLetter) -> str:
    if letter.value is None:
        return "(no value)"
    text = letter.value[:_PREVIEW].decode("utf-8", "backslashreplace")
    return "".join(mark if mark.isprintable() else "\N{REPLACEMENT CHARACTER}" for mark in text)


def print_dead_letter(letter: DeadLetter) -> None:
    """Everything about one message; bytes that aren't text are shown escaped."""
    console = Console()
    for name, shown in letter.to_json().items():
        if name not in ("value", "key", "key_base64", "value_base64"):
            console.print(Text(f"{name:18} {shown}"))
    console.print(Text(f"{'key':18} {_readable(letter.key)}"))
    console.print(Text(f"{'value':18} {_readable(letter.value)}"))


def _readable(value: bytes | None) -> str:
    if value is None:
        return "(none)"
    text = to_text(value)
    return text if text is not None and text.isprintable() else value.decode("utf-8", "backslashreplace")
