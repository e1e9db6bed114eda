"""The commands of `ingest`: requests go in, progress goes to standard error and the report to standard output."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ingest.categories import CATEGORIES
from ingest.channels import CHANNELS
from ingest.charts import CHARTS
from ingest.id_run import IdsRequest, ingest_ids
from ingest.region_run import RegionsRequest, ingest_regions
from ingest.videos import VIDEOS
from trendscript.ids import NoIds, check_id, parse_duration, read_ids_file, split_ids
from trendscript.notices.telling import telling
from trendscript.settings import Settings, read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ingest.id_run import IdSource
    from ingest.region_run import RegionSource
    from ingest.report import IdsReport, RegionRow, RegionsReport, Report

__all__ = ["CATEGORIES", "CHANNELS", "CHARTS", "VIDEOS", "IdsRequest", "RegionsRequest", "run_ids", "run_regions"]

_NAMED_AT_MOST = 10


def run_regions(source: RegionSource, request: RegionsRequest, *, as_json: bool) -> None:
    """Ingest regions, print the report, and raise the failure the command ends with."""
    settings = read_settings()
    asked = ",".join(request.regions or (("all",) if request.all_regions else settings.youtube_regions))
    with telling(f"{source.command} {asked}"):
        with _progress("regions") as advance:
            report = ingest_regions(settings, source, request, on_row=lambda _row, total: advance(1, total))
        if not as_json:
            _print_regions(report)
        _end(report, as_json=as_json)


def run_ids(source: IdSource, request: IdsRequest, *, as_json: bool) -> None:
    """Ingest ids, print the report, and raise the failure the command ends with."""
    settings = read_settings()
    with telling(source.command):
        ids, rejected = gather_ids(settings, source, request)
        with _progress(f"{source.kind.name}s") as advance:
            report = ingest_ids(settings, source, ids, request, on_lot=advance)
        report.rejected_ids = rejected
        report.rejected = len(rejected)
        if not as_json:
            _print_ids(report)
        _end(report, as_json=as_json)


def gather_ids(settings: Settings, source: IdSource, request: IdsRequest) -> tuple[list[str], list[str]]:
    """Ids of all three places, each once, and the words that are none.

    A wrong argument is refused before a unit is spent; a wrong line of a file is told and passed over.
    Raises IdRefused, NoIds, DurationRefused, IdsFileUnreadable, or what stands between us and the warehouse.
    """
    since = None if request.charted_since is None else parse_duration(request.charted_since)
    words = [check_id(word, source.kind) for word in request.ids]
    words += [] if request.ids_file is None else read_ids_file(request.ids_file)
    words += [] if since is None else source.read_charted(settings, since)
    ids, rejected = split_ids(words, source.kind)
    if not ids and since is None:
        raise NoIds(
            f"There is no id of a {source.kind.name} to ask for. Name some, as {source.kind.example}, "
            "or take --ids-file or --charted-since."
        )
    return ids, rejected


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Yield `advance(steps, total)`: a bar on standard error where a person looks at it, else nothing."""
    console = Console(stderr=True)
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=None)

        def advance(steps: int, total: int) -> None:
            progress.update(task, advance=steps, total=total)

        yield advance


def _end(report: Report, *, as_json: bool) -> None:
    if as_json:
        typer.echo(orjson.dumps(report.to_dict(), option=orjson.OPT_INDENT_2).decode())
    else:
        typer.echo(f"{report.published} published, {report.rejected} rejected, {report.units} units of quota spent.")
        if report.transcriptions_requested is not None:
            typer.echo(f"Transcriptions requested: {report.transcriptions_requested}.")
    failure = report.failure()
    if failure is not None:
        raise failure


def _print_regions(report: RegionsReport) -> None:
    if not sys.stdout.isatty():
        for row in report.regions:
            typer.echo("\t".join(_cells(row)))
        return
    table = Table("region", "category", "outcome", "size", "reason")
    for row in report.regions:
        table.add_row(*_cells(row))
    Console().print(table)


def _cells(row: RegionRow) -> tuple[str, str, str, str, str]:
    size = "" if row.size is None else str(row.size)
    note = f"{row.duplicates} came twice" if row.duplicates else ""
    return row.region_code, row.category_id, row.outcome, size, row.reason or note


def _print_ids(report: IdsReport) -> None:
    typer.echo(f"{report.requested} asked for, {report.found} came.")
    _name_some("Nothing came for", report.missing)
    _name_some("Not an id", report.rejected_ids)


def _name_some(what: str, ids: Sequence[str]) -> None:
    if ids:
        more = f" and {len(ids) - _NAMED_AT_MOST} more" if len(ids) > _NAMED_AT_MOST else ""
        typer.echo(f"{what}: {', '.join(ids[:_NAMED_AT_MOST])}{more}")
