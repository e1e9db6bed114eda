"""`trendscript ingest file`: flags go in, messages go to Kafka, a report of every file comes out."""

from __future__ import annotations

import gc
import json
import re
import sys
from contextlib import contextmanager
from pathlib import Path  # noqa: TC003  (Typer reads the annotations when it runs)
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from ingest.regions import check_category, check_region
from trendscript.errors import UsageError
from trendscript.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime, tzinfo

    from ingest.files.entries import Given
    from ingest.files.importing import Import

_TOLD_EVERY = 1_000
# Rows make many small objects and no cycles; looking for cycles after every 700 took a fifth of an import's time.
_LOOK_FOR_GARBAGE_AFTER = 50_000
_KIND = re.compile(r"\.(csv|json|jsonl)(\.(xz|gz))?$", re.IGNORECASE)
_HELP = """Publish charts from files: .csv, .json and .jsonl, also packed as .xz or .gz.

Known are the public Kaggle layouts of YouTube charts, by their header, and saved answers of videos.list. A row that
can't be read with certainty is reported with its line and written to the reject file as it came.
"""


class PathRefused(UsageError):
    """Raised when a path on the command line can't be imported, or not be written."""


class OptionRefused(UsageError):
    """Raised when an option's value can't be used."""


def register_file(ingest_app: typer.Typer) -> None:
    """Add `ingest file`."""
    ingest_app.command("file", help=_HELP)(ingest_file)


def ingest_file(  # noqa: PLR0913  (one parameter a flag)
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files of charts.", show_default=False)],
    *,
    region: Annotated[
        str | None,
        typer.Option(help="Region of the charts, as US, where neither a column nor the file's name says it."),
    ] = None,
    category: Annotated[str, typer.Option(help="Category of the charts; 0 is the whole chart.")] = "0",
    captured_at: Annotated[
        str | None,
        typer.Option(help="Time of the reading, as 2026-11-21T06:00:00Z, for saved answers and rows without a time."),
    ] = None,
    year: Annotated[
        int | None, typer.Option(min=2005, max=9999, help="Year of the first date in files whose dates have none.")
    ] = None,
    time_zone: Annotated[
        str | None, typer.Option(help="Time zone of times written without one, as UTC or Europe/Paris.")
    ] = None,
    reject_file: Annotated[
        Path | None,
        typer.Option(help="File for rejected rows, replaced; by default FIRST-PATH.rejects.jsonl in this folder."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and count, but publish and write nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Import the files, print the report, and end with 65 when one of them could not be read."""
    from ingest.files.importing import Import  # noqa: PLC0415  (keeps `--help` quick)
    from ingest.files.rejects import Rejects, default_reject_file  # noqa: PLC0415  (keeps `--help` quick)

    gc.set_threshold(_LOOK_FOR_GARBAGE_AFTER)
    check_paths(paths, reject_file)
    given = to_given(region=region, category=category, captured_at=captured_at, year=year, time_zone=time_zone)
    rejected_to = None if dry_run else reject_file or default_reject_file(paths[0])
    with _progress() as (tell, advance), Rejects(rejected_to, tell) as rejects:
        work = Import(paths, given, rejects)
        delivered = _count(work, advance) if dry_run else _publish(work, advance)
        written_to = rejects.path if rejects.count else None
    print_report(work, delivered=delivered, reject_file=written_to, dry_run=dry_run, as_json=as_json)
    if work.refused_files:
        raise typer.Exit(code=65)


def check_paths(paths: list[Path], reject_file: Path | None = None) -> None:
    """Raise PathRefused for the first path that can't be what it is given as, before anything is published."""
    for path in paths:
        if path.is_dir():
            raise PathRefused(f"{path} is a folder. Name the files in it, as {path / '*.csv.xz'}.")
        if not path.exists():
            raise PathRefused(f"{path} is not there. Mend the path.")
        if not _KIND.search(path.name):
            raise PathRefused(f"{path} is of no known kind: .csv, .json or .jsonl, alone or with .xz or .gz behind.")
        if reject_file is not None and reject_file.exists() and reject_file.samefile(path):
            raise PathRefused(f"--reject-file would overwrite {path}, which is to be imported. Name another.")


def to_given(
    *, region: str | None, category: str, captured_at: str | None, year: int | None, time_zone: str | None
) -> Given:
    """What the flags say, checked. Raises RegionRefused, CategoryRefused, OptionRefused."""
    from ingest.files.entries import Given  # noqa: PLC0415  (keeps `--help` quick)

    zone = _parse_zone(time_zone)
    return Given(
        region=None if region is None else check_region(region),
        category=check_category(category),
        captured_at=None if captured_at is None else _parse_captured_at(captured_at, zone),
        year=year,
        time_zone=zone,
    )


def _parse_zone(name: str | None) -> tzinfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise OptionRefused(f"--time-zone: {name!r} is no time zone. Write one as UTC or Europe/Paris.") from None


def _parse_captured_at(text: str, zone: tzinfo | None) -> datetime:
    from ingest.files.entries import RowRefused  # noqa: PLC0415  (keeps `--help` quick)
    from ingest.files.values import parse_instant  # noqa: PLC0415  (keeps `--help` quick)

    try:
        return parse_instant(text.strip(), zone)
    except RowRefused as refused:
        raise OptionRefused(f"--captured-at: {refused}. Write it as 2026-11-21T06:00:00Z.") from refused


def _count(work: Import, advance: Callable[[int], None]) -> int:
    for number, _ in enumerate(work.messages(), start=1):
        if number % _TOLD_EVERY == 0:
            advance(number)
    return work.published


def _publish(work: Import, advance: Callable[[int], None]) -> int:
    from trendscript.endpoints import kafka_bootstrap_servers  # noqa: PLC0415  (keeps `--help` quick)
    from trendscript.kafka import publish  # noqa: PLC0415  (keeps `--help` quick)

    settings = read_settings()
    return publish(
        work.messages(),
        bootstrap_servers=kafka_bootstrap_servers(settings),
        client_properties=settings.kafka_client_properties,
        on_progress=advance,
    )


@contextmanager
def _progress() -> Iterator[tuple[Callable[[str], None], Callable[[int], None]]]:
    """How to tell the user a line, and how many rows are published: a live line on a terminal, else lines only."""
    if not sys.stderr.isatty():
        yield (lambda line: typer.echo(line, err=True)), (lambda _: None)
        return
    from rich.console import Console  # noqa: PLC0415  (only a terminal needs it)
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415  (as above)

    columns = (SpinnerColumn(), TextColumn("{task.completed:,} rows, {task.fields[rate]} rows/s"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None, rate="…")

        def advance(published: int) -> None:
            elapsed = progress.tasks[0].elapsed or 0
            rate = f"{published / elapsed:,.0f}" if elapsed else "…"
            progress.update(task, completed=published, rate=rate)

        def tell(line: str) -> None:
            progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

        yield tell, advance


def print_report(work: Import, *, delivered: int, reject_file: Path | None, dry_run: bool, as_json: bool) -> None:
    """Print what became of every file, and the sums, to standard output; refused files also to standard error."""
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "published": delivered,
                    "rejected": work.rejected,
                    "dry_run": dry_run,
                    "reject_file": None if reject_file is None else str(reject_file),
                    "files": [report.to_json() for report in work.reports],
                },
                indent=2,
            )
        )
    else:
        for report in work.reports:
            typer.echo(
                f"{report.path}: {report.layout or 'no layout'}, {_counted(report.rows, 'row')} in "
                f"{_counted(report.readings, 'reading')}, "
                f"{report.published:,} published, {report.rejected:,} rejected"
            )
        done = "would be published" if dry_run else "published"
        typer.echo(f"{_counted(delivered + work.rejected, 'row')}: {delivered:,} {done}, {work.rejected:,} rejected")
    for report in work.refused_files:
        typer.echo(f"trendscript: {report.error or f'{report.path}: none of its rows could be published.'}", err=True)
    if reject_file is not None:
        typer.echo(
            f"trendscript: the rejected rows are in {reject_file}, as they came, each with its reason.", err=True
        )


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
