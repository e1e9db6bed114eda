"""The commands `lake …`: Delta's own upkeep of a topic's tables, and what it made of files and bytes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from spark_jobs.cli_job import build_ledger_job, each_topic, find_contracts, lake_address, start_spark
from trendscript.errors import UsageError
from trendscript.ids import parse_duration
from trendscript.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from spark_jobs.job import Job
    from spark_jobs.lake_files import Lake
    from spark_jobs.lake_keeping import KeepingReport
    from trendscript.contracts.model import Contract

    Work = Callable[[Job, Contract, Lake], KeepingReport]

app = typer.Typer(help="Keep the lake's tables small and quick to read.", no_args_is_help=True)

_Topics = Annotated[
    list[str] | None, typer.Argument(metavar="[TOPIC]...", help="Topics to work on; all that have a contract if none.")
]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Only look, and change nothing.")]
_AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document to standard output.")]


@app.command("optimize")
def optimize(topics: _Topics = None, dry_run: _DryRun = False, as_json: _AsJson = False) -> None:
    """Make few large files of the many small ones that loads leave; the small ones go with the next `vacuum`.

    A topic that somebody works on for longer than a minute is left out, and the command then ends with 75.
    """
    from spark_jobs.lake_keeping import optimize_topic

    _run(
        topics,
        lambda job, contract, lake: optimize_topic(job, contract, lake, dry_run=dry_run),
        dry_run=dry_run,
        as_json=as_json,
    )


@app.command("vacuum")
def vacuum(
    topics: _Topics = None,
    retain: Annotated[
        str,
        typer.Option(
            "--retain", metavar="TIME", help="Keep files that versions of the last so long need: 7d, 12h or 2w."
        ),
    ] = "7d",
    dry_run: _DryRun = False,
    as_json: _AsJson = False,
) -> None:
    """Delete files that no recent version of a table needs. Older versions can then no longer be read.

    A topic that somebody works on for longer than a minute is left out, and the command then ends with 75.
    """
    from spark_jobs.lake_keeping import vacuum_topic

    kept_for = parse_duration(retain)
    _run(
        topics,
        lambda job, contract, lake: vacuum_topic(job, contract, lake, kept_for, dry_run=dry_run),
        dry_run=dry_run,
        as_json=as_json,
    )


def _run(topics: list[str] | None, work: Work, *, dry_run: bool, as_json: bool) -> None:
    """Do the work topic after topic, print what came of it, and raise the gravest failure."""
    from spark_jobs.display import Progress
    from spark_jobs.lake_files import Lake
    from spark_jobs.lake_keeping import KeepingReport

    settings = read_settings()
    address = lake_address(settings)
    if address is None:
        raise UsageError("LAKE_PATH is off, so there is no lake to keep.")
    with Progress(quiet=as_json) as progress:
        job = replace(build_ledger_job(settings, with_kafka=False), on_step=progress.step)
        lake = Lake(address, lambda: start_spark(settings, progress))
        reports, failure = each_topic(
            find_contracts(topics or []),
            lambda contract: work(job, contract, lake),
            lambda topic, note: KeepingReport(topic, note=note),
        )
    if as_json:
        document = {"dry_run": dry_run, "topics": [report.to_json() for report in reports]}
        typer.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    else:
        from spark_jobs.lake_display import print_keeping

        print_keeping(reports, dry_run=dry_run)
    if failure is not None:
        raise failure
