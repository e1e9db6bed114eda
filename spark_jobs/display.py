"""What a person sees of a load: the step that runs, a table at the end; plain text in a pipe, events in a log."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Self

import structlog
from rich import box
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

if TYPE_CHECKING:
    from spark_jobs.dead_letters import DeadLetter
    from spark_jobs.report import TopicReport, TopicTotals

_log = structlog.get_logger(__name__)

_PREVIEW = 60
_PIPE_WIDTH = 200
_COUNTS = ("rows", "inserted", "updated", "unchanged", "stale", "duplicate", "deleted", "stubs")
_RARE = ("deleted", "stubs")
_LAYOUT = "\n\t"  # what may stay as it is in text that is shown whole


class Progress:
    """Says each step on standard error as it begins: in place on a terminal, as an event elsewhere.

    `quiet` keeps the events for whoever asks for all by LOG_LEVEL=DEBUG.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._console = Console(stderr=True)
        self._tell = _log.debug if quiet else _log.info
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
        if self._console.is_terminal:
            elapsed = time.perf_counter() - self._started
            self._status.update(Text(f"{elapsed:5.1f} s  {topic}{': ' if topic else ''}{text}"))
        else:
            self._tell("step", step=text, **({"topic": topic} if topic else {}))


def print_reports(reports: list[TopicReport], *, dry_run: bool) -> None:
    """A line a topic and a row a table: what became of every message and row."""
    print_totals([report.totals for report in reports], dry_run=dry_run)


def print_totals(totals: list[TopicTotals], *, dry_run: bool = False) -> None:
    """The same of topics whose batches aren't kept."""
    console = a_console()
    for topic in totals:
        console.print(Text(_sentence(topic, "would be " if dry_run else "")), soft_wrap=True)
    rows = [(name, asdict(counts)) for topic in totals for name, counts in topic.tables.items()]
    if rows:
        console.print(_count_table(rows))
    if any(topic.messages.quarantined for topic in totals) and not dry_run:
        console.print("`trendscript dead-letters list` shows what was quarantined and why.")


def a_console() -> Console:
    """Standard output; wide enough in a pipe that nothing is cut or wrapped."""
    console = Console()
    return console if console.is_terminal else Console(width=_PIPE_WIDTH)


def _sentence(totals: TopicTotals, would: str) -> str:
    counts, batches = totals.messages, totals.batches
    if not batches:
        return totals.note or f"{totals.topic}: nothing new"
    done = (
        f"{totals.topic}: {counts.read:,} messages read, {counts.accepted:,} {would}accepted, "
        f"{counts.quarantined:,} {would}quarantined, in {batches:,} {'batch' if batches == 1 else 'batches'}"
    )
    return f"{done}. Then {totals.note}" if totals.note else done


def _count_table(rows: list[tuple[str, dict[str, int]]]) -> Table:
    """Counts by table; outcomes that only some tables have are shown when there are any."""
    shown = [name for name in _COUNTS if name not in _RARE or any(counts[name] for _, counts in rows)]
    table = plain_table("table", *(Column(name, justify="right", no_wrap=True) for name in shown))
    for name, counts in rows:
        table.add_row(name, *(f"{counts[column]:,}" for column in shown))
    return table


def plain_table(first: str, *columns: Column) -> Table:
    """A table without lines between its rows, its first column never wrapped."""
    return Table(Column(first, no_wrap=True), *columns, box=box.SIMPLE, pad_edge=False)


def print_dead_letters(total: int, letters: list[DeadLetter]) -> None:
    """A row a message, and how many there are in all."""
    console = a_console()
    if not letters:
        console.print("Nothing is in quarantine.")
        return
    table = plain_table("id", *(Column(name) for name in ("reason", "state", "since (UTC)", "begins with")))
    for letter in letters:
        since = letter.first_seen_at.strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(
            *(Text(cell) for cell in (letter.identifier, _escape(letter.reason), letter.state, since, _preview(letter)))
        )
    console.print(table)
    console.print(f"{len(letters):,} of {total:,} shown. `trendscript dead-letters show ID` shows one whole.")


def _preview(letter: DeadLetter) -> str:
    if letter.value is None:
        return "(no value)"
    return _escape(letter.value[:_PREVIEW].decode("utf-8", "backslashreplace"))


def print_dead_letter(letter: DeadLetter) -> None:
    """Everything about one message; what isn't text, or would act on the terminal, is shown escaped."""
    console = a_console()
    for name, shown in letter.to_json().items():
        if name not in ("value", "key", "key_base64", "value_base64"):
            console.print(Text(f"{name:18} {_escape(str(shown), but=_LAYOUT)}"), soft_wrap=True)
    console.print(Text(f"{'key':18} {_readable(letter.key)}"), soft_wrap=True)
    console.print(Text(f"{'value':18} {_readable(letter.value)}"), soft_wrap=True)


def _readable(value: bytes | None) -> str:
    if value is None:
        return "(none)"
    return _escape(value.decode("utf-8", "backslashreplace"), but=_LAYOUT)


def _escape(text: str, *, but: str = "") -> str:
    """Text from strangers, with escapes for every mark that a terminal may obey, or that can't be seen."""
    return "".join(
        mark if mark.isprintable() or mark in but else mark.encode("unicode_escape").decode("ascii") for mark in text
    )
