"""The command `purge`: an age as a person writes it goes in, what left tables, quarantine and lake comes out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from spark_jobs.cli_job import build_ledger_job, each_topic, find_contracts, lake_address, role_dsn, start_spark
from trendscript.ids import parse_duration
from trendscript.settings import read_settings

if TYPE_CHECKING:
    from spark_jobs.purge import PurgeReport
    from spark_jobs.purge_tables import Doomed
    from trendscript.errors import TrendscriptError

JANITOR = "pipeline_janitor"


def purge(
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="TIME", help="Delete what was captured longer ago: 30d, 12h or 8w.")
    ],
    topics: Annotated[
        list[str] | None, typer.Option("--topic", metavar="TOPIC", help="Only this topic's; may be given again.")
    ] = None,
    source: Annotated[
        str | None, typer.Option("--source", metavar="NAME", help="Only what came from there, such as youtube_api.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be deleted, then undo it: nothing is written.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document to standard output.")] = False,
) -> None:
    """Delete what is old from tables, quarantine and lake, transcripts too, for good. Asks nothing: see --dry-run.

    Parents that younger rows point at keep their key alone. Who deleted what is kept in the ledger, so that
    `reconcile` still adds up. Loading the same messages again, from Kafka, brings their rows back.
    """
    from spark_jobs.purge_tables import Doomed

    doomed = Doomed(datetime.now(UTC) - parse_duration(older_than), source)
    reports, failure = run_purge(topics or [], doomed, dry_run=dry_run, quiet=as_json)
    if as_json:
        document = {
            "dry_run": dry_run,
            "older_than": doomed.before,
            "source": source,
            "topics": [report.to_json() for report in reports],
        }
        typer.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    else:
        from spark_jobs.purge_display import print_purges

        print_purges(reports, doomed, dry_run=dry_run)
    if failure is not None:
        raise failure


def run_purge(
    topics: list[str], doomed: Doomed, *, dry_run: bool, quiet: bool
) -> tuple[list[PurgeReport], TrendscriptError | None]:
    """Purge topic after topic; what left each, and the gravest failure."""
    from spark_jobs.display import Progress
    from spark_jobs.lake_files import Lake
    from spark_jobs.purge import PurgeReport, purge_topic, rehearse_purge

    settings = read_settings()
    with Progress(quiet=quiet) as progress:
        job = replace(
            build_ledger_job(settings, with_kafka=False), dsn=role_dsn(settings, JANITOR), on_step=progress.step
        )
        address = lake_address(settings)
        lake = None if address is None else Lake(address, lambda: start_spark(settings, progress))
        work = rehearse_purge if dry_run else purge_topic
        return each_topic(
            find_contracts(topics),
            lambda contract: work(job, contract, doomed, lake),
            lambda topic, note: PurgeReport(topic, note=note),
        )
