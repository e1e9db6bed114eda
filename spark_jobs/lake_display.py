"""What a person sees of the lake's upkeep: a row a table, its files and bytes before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Column
from rich.text import Text

from spark_jobs.display import a_console, plain_table

if TYPE_CHECKING:
    from spark_jobs.lake_keeping import KeepingReport, KeptTable

_COLUMNS = ("files read", "files on disk", "MB on disk")


def print_keeping(reports: list[KeepingReport], *, dry_run: bool) -> None:
    """What changed, or what a dry run found."""
    console = a_console()
    for report in reports:
        if report.note:
            console.print(Text(report.note), soft_wrap=True)
    rows = [to_row(table) for report in reports for table in report.tables]
    if rows:
        last = [Column("would be deleted", justify="right")] if any(row[-1] for row in rows) else []
        table = plain_table("table", *(Column(name, justify="right", no_wrap=True) for name in _COLUMNS), *last)
        for row in rows:
            table.add_row(*row[: len(table.columns)])
        console.print(table)
    if dry_run:
        console.print("Nothing was changed.")


def to_row(kept: KeptTable) -> tuple[str, str, str, str, str]:
    """The table's figures as text, before and after where they differ."""
    return (
        kept.table,
        _change(f"{kept.live_before:,}", f"{kept.live_after:,}"),
        _change(f"{kept.before.files:,}", f"{kept.after.files:,}"),
        _change(f"{kept.before.bytes / 1e6:,.1f}", f"{kept.after.bytes / 1e6:,.1f}"),
        "" if kept.deletable is None else f"{kept.deletable:,}",
    )


def _change(before: str, after: str) -> str:
    return before if before == after else f"{before} → {after}"
