"""Tables of how speech is transcribed: what was measured of each model goes in, text for a person goes out."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

_MEBIBYTE = 1024 * 1024


def print_clips(results: Sequence[dict[str, Any]]) -> None:
    """Accuracy by language, speed and memory, and what is flagged."""
    _print_accuracy(results)
    _print_speed(results)
    _print_flags(results)


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number > 1 else "left")
    return table


def _show(table: Table) -> None:
    Console(width=None if sys.stdout.isatty() else 120).print(table)


def _print_accuracy(results: Sequence[dict[str, Any]]) -> None:
    table = _table(
        "Word error rate (by letter for zh, ja, th)", "model", "language", "clips", "seconds", "service", "bare"
    )
    for result in results:
        for row in result["accuracy"]:
            rates = (f"{row[kind]:.1%}" for kind in ("service", "bare"))
            table.add_row(result["model"], row["language"], str(row["clips"]), str(row["audio_seconds"]), *rates)
    _show(table)


def _print_speed(results: Sequence[dict[str, Any]]) -> None:
    table = _table(
        "Speed and memory", "model", "", "seconds", "CPU s", "x real time", "peak MiB", "service / bare", "by CPU"
    )
    for result in results:
        speed = result["speed"]
        for kind in ("service", "bare"):
            peak = round(speed["peak_bytes"][kind] / _MEBIBYTE)
            ratios = (speed["service_to_bare"], speed["service_to_bare_cpu"]) if kind == "service" else ()
            cells = (speed["seconds"][kind], speed["cpu_seconds"][kind], speed["times_real_time"][kind], peak)
            table.add_row(
                result["model"], kind, *(f"{cell:,}" for cell in cells), *(f"{ratio:.3f}" for ratio in ratios)
            )
    _show(table)


def _print_flags(results: Sequence[dict[str, Any]]) -> None:
    table = _table("Sentences and flags", "model", "clips", "number", "sentences", "flagged", "unflagged")
    for result in results:
        for kind in ("noise", "silence"):
            found = [row for row in result["not_speech"] if row["kind"] == kind]
            sentences, unflagged = sum(row["sentences"] for row in found), sum(len(row["unflagged"]) for row in found)
            cells = (len(found), sentences, sentences - unflagged, unflagged)
            table.add_row(result["model"], kind, *map(str, cells))
        flags = result["flags"]
        cells = (flags["clips"], flags["sentences"], flags["flagged"], flags["sentences"] - flags["flagged"])
        table.add_row(result["model"], "speech", *map(str, cells))
        well, wrong = flags["sentences_heard_well"], len(flags["flagged_heard_well"])
        table.add_row(result["model"], "speech heard well", "", *map(str, (well, wrong, well - wrong)))
    _show(table)


def print_long(results: Sequence[dict[str, Any]]) -> None:
    """One line a run, and whether kills change what is written."""
    headings = ("model", "run", "minutes", "seconds", "x real time", "peak MiB", "sentences", "same sentences")
    table = _table("Long audio", *headings)
    for result in results:
        minutes = f"{result['audio_seconds'] / 60:.1f}"
        for run in ("undisturbed", "killed"):
            found = result[run]
            peak = f"{found['peak_bytes'] / _MEBIBYTE:,.0f}"
            speed = f"{result['audio_seconds'] / found['seconds']:.1f}"
            same = "" if run == "undisturbed" else ("yes" if result["same"] else "NO")
            cells = (minutes, f"{found['seconds']:.1f}", speed, peak, str(found["sentences"]), same)
            table.add_row(result["model"], f"{run} {found['kills'] or ''}".strip(), *cells)
    _show(table)
