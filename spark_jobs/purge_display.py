"""What a person sees of a purge: a row a table with what left it, and a sentence a topic about the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Column
from rich.text import Text

from spark_jobs.display import a_console, plain_table

if TYPE_CHECKING:
    from spark_jobs.purge import PurgeReport
    from spark_jobs.purge_tables import Doomed


def print_purges(reports: list[PurgeReport], doomed: Doomed, *, dry_run: bool) -> None:
    """What left tables, quarantine and lake, or would."""
    console = a_console()
    of_source = f" from {doomed.source}" if doomed.source else ""
    would = "would be deleted" if dry_run else "deleted"
    console.print(Text(f"Captured before {doomed.before:%Y-%m-%d %H:%M} UTC{of_source}; {would}:"), soft_wrap=True)
    for report in reports:
        console.print(Text(to_sentence(report)), soft_wrap=True)
    rows = [(report.topic, name, found) for report in reports for name, found in report.tables.items()]
    if any(found.deleted or found.emptied for _, _, found in rows):
        table = plain_table(
            "topic",
            Column("table", no_wrap=True),
            Column("deleted", justify="right"),
            Column("emptied to their key", justify="right"),
        )
        for topic, name, found in rows:
            if found.deleted or found.emptied:
                table.add_row(topic, name, f"{found.deleted:,}", f"{found.emptied:,}")
        console.print(table)
    console.print("Nothing was changed." if dry_run else "`trendscript reconcile` knows of it.")


def to_sentence(report: PurgeReport) -> str:
    """A topic's purge in numbers."""
    if report.note:
        return report.note
    deleted = sum(found.deleted for found in report.tables.values())
    text = f"{report.topic}: {deleted:,} rows, {report.letters:,} messages in quarantine"
    if report.lake is not None:
        text += f", {report.lake.messages:,} messages in the lake"
        if report.lake.freed_bytes > 0:
            text += f" ({report.lake.freed_bytes / 1e6:,.1f} MB freed)"
    if report.resumed:
        text += f"; {report.resumed:,} earlier purges were finished in the lake"
    return text
