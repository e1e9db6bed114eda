"""What a person sees of a reconciliation: one table of what the ledger says and what is there, then the differences."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from rich.table import Column
from rich.text import Text

from spark_jobs.display import a_console, plain_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spark_jobs.reconciliation import Comparison, Reconciliation


def print_reconciliation(found: Reconciliation) -> None:
    """A row a topic and thing compared; a partition has a row of its own where it differs."""
    console = a_console()
    if not found.comparisons:
        console.print("Nothing was ever loaded, so there is nothing to compare.")
        return
    table = plain_table(
        "",
        Column("compared", no_wrap=True),
        Column("ledger", justify="right"),
        Column("found", justify="right"),
        Column(""),
    )
    for row in to_rows(found):
        table.add_row(*map(Text, row))
    console.print(table)
    for fault in found.differences:
        console.print(Text(fault), soft_wrap=True)
    for note in found.notes:
        console.print(Text(note), soft_wrap=True)
    if not found.differences:
        console.print("Everything agrees.")


def to_rows(found: Reconciliation) -> Iterator[tuple[str, str, str, str, str]]:
    """The table's rows as text: subject, what is compared, what the ledger says, what is there, whether they differ."""
    for (subject, what), group in groupby(found.comparisons, key=lambda one: (one.subject, one.what)):
        compared = list(group)
        least = sum(one.ledger for one in compared)
        most = sum(one.ledger if one.at_most is None else one.at_most for one in compared)
        differs = any(one.faults for one in compared)
        yield subject, what, _bounds(least, most), f"{sum(one.found for one in compared):,}", _differs(differs=differs)
        if len(compared) > 1:
            yield from (_to_partition_row(one) for one in compared if one.faults)


def _to_partition_row(one: Comparison) -> tuple[str, str, str, str, str]:
    most = one.ledger if one.at_most is None else one.at_most
    return f"  partition {one.partition}", one.what, _bounds(one.ledger, most), f"{one.found:,}", _differs(differs=True)


def _bounds(least: int, most: int) -> str:
    return f"{least:,}" if most == least else f"{least:,} to {most:,}"


def _differs(*, differs: bool) -> str:
    return "differs" if differs else ""
