"""The command `load`, also for spark-submit; and the place where all commands of the job are gathered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from spark_jobs import cli_dead_letters, cli_lake
from spark_jobs.cli_accept_gap import accept_gap
from spark_jobs.cli_follow import Served, run_follow, to_pace
from spark_jobs.cli_job import MaxQuarantinePercent, allow_quarantine, build_job, find_contracts, run_each, show_reports
from spark_jobs.cli_metrics import metrics
from spark_jobs.cli_purge import purge
from spark_jobs.cli_reconcile import reconcile
from spark_jobs.cli_replay import replay
from trendscript.errors import UsageError
from trendscript.exits import run_app
from trendscript.logs import configure_logging
from trendscript.notices.telling import telling
from trendscript.settings import read_settings

if TYPE_CHECKING:
    from spark_jobs.report import TopicReport
    from trendscript.errors import TrendscriptError
    from trendscript.notices.news import Outcome


def register(app: typer.Typer) -> None:
    """Add this module's commands to the command line."""
    app.command("load")(load)
    app.command("replay")(replay)
    app.command("accept-gap")(accept_gap)
    app.command("reconcile")(reconcile)
    app.command("purge")(purge)
    app.command("metrics")(metrics)
    app.add_typer(cli_dead_letters.app, name="dead-letters")
    app.add_typer(cli_lake.app, name="lake")


def load(  # noqa: PLR0913  (each is an option)
    topics: Annotated[
        list[str] | None, typer.Argument(metavar="[TOPIC]...", help="Topics to load; all that have a contract if none.")
    ] = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what the next batch would do, then undo it: nothing is written.")
    ] = False,
    max_messages: Annotated[
        int | None,
        typer.Option(
            "--max-messages", min=1, help="Most messages a batch; 500,000 unless LOAD_MAX_MESSAGES says else."
        ),
    ] = None,
    max_quarantine_percent: MaxQuarantinePercent = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on until stopped; a topic that fails waits, the others go on.")
    ] = False,
    every: Annotated[
        float | None,
        typer.Option("--every", metavar="SECONDS", min=1, help="With --follow: how often a topic is loaded; 30."),
    ] = None,
    min_messages: Annotated[
        int | None,
        typer.Option("--min-messages", metavar="N", min=1, help="With --follow: load sooner when so many wait."),
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            "--metrics-port",
            min=0,
            max=65535,
            help="With --follow: serve /metrics and /health there. Default: nowhere.",
        ),
    ] = None,
    metrics_host: Annotated[
        str, typer.Option("--metrics-host", help="Address to serve them at; 0.0.0.0 lets other machines ask.")
    ] = "127.0.0.1",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document to standard output; with --follow, a line a batch.")
    ] = False,
) -> None:
    """Load what waits in Kafka into Postgres: each message into its tables or into quarantine, none lost, none doubled.

    Reads up to the end offsets seen at the start, in batches. Running it again continues where the last run ended.
    With --follow it goes on until SIGTERM or Ctrl-C, which it obeys after the batch in hand, a second one at once.
    """
    if follow:
        if dry_run:
            raise UsageError("--dry-run shows one batch, and --follow goes on; give the one or the other.")
        served = None if metrics_port is None else Served(metrics_host, metrics_port)
        with telling("load") as outcome:
            run_follow(
                read_settings(load_max_messages=max_messages),
                [allow_quarantine(contract, max_quarantine_percent) for contract in find_contracts(topics or [])],
                to_pace(every, min_messages),
                outcome,
                served=served,
                as_json=as_json,
            )
        return
    if every is not None or min_messages is not None or metrics_port is not None:
        raise UsageError("--every, --min-messages and --metrics-port go with --follow.")
    with telling("load", wanted=not dry_run) as outcome:
        reports, failure = run(
            topics or [],
            outcome,
            dry_run=dry_run,
            max_messages=max_messages,
            max_quarantine_percent=max_quarantine_percent,
            quiet=as_json,
        )
        show_reports(reports, failure, as_json=as_json, dry_run=dry_run)


def run(  # noqa: PLR0913  (each is an option)
    topics: list[str],
    outcome: Outcome,
    *,
    dry_run: bool,
    max_messages: int | None,
    max_quarantine_percent: float | None,
    quiet: bool,
) -> tuple[list[TopicReport], TrendscriptError | None]:
    """Load the topics one after another. The reports of those that passed, and the gravest failure of the others.

    How each fared is noted in `outcome`.
    """
    from spark_jobs.display import Progress
    from spark_jobs.load import load_topic, rehearse_topic

    settings = read_settings(load_max_messages=max_messages)
    with Progress(quiet=quiet) as progress:
        contracts = [allow_quarantine(contract, max_quarantine_percent) for contract in find_contracts(topics)]
        job = build_job(settings, [contract.topic for contract in contracts], progress)
        work = rehearse_topic if dry_run else load_topic
        return run_each(job, contracts, work, busy_is_fine=True, outcome=outcome)


def main(arguments: list[str]) -> NoReturn:
    """Run `load` alone, as `spark-submit spark_jobs/load.py [TOPIC]... [OPTIONS]` does."""
    app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    app.command()(load)
    run_app(app, arguments, "load.py", prepare=lambda: configure_logging(read_settings().log_level))
