"""The commands `load` and `dead-letters`, and the same `load` for spark-submit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import orjson
import typer

from trendscript.errors import TrendscriptError, UsageError
from trendscript.exits import run_app
from trendscript.logs import configure_logging
from trendscript.settings import read_settings

if TYPE_CHECKING:
    from spark_jobs.load import LoadJob
    from spark_jobs.report import TopicReport
    from trendscript.contracts.model import Contract
    from trendscript.settings import Settings

WRITER = "pipeline_writer"

_dead_letters = typer.Typer(help="Messages that a contract refused, kept byte for byte.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add this module's commands to the command line."""
    app.command("load")(load)
    app.add_typer(_dead_letters, name="dead-letters")


def load(
    topics: Annotated[
        list[str] | None, typer.Argument(metavar="[TOPIC]...", help="Topics to load; all that have a contract if none.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what the next batch would do, then undo it: nothing is written.")
    ] = False,
    max_messages: Annotated[
        int | None,
        typer.Option(
            "--max-messages", min=1, help="Most messages a batch; 500,000 unless LOAD_MAX_MESSAGES says else."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document to standard output.")] = False,
) -> None:
    """Load what waits in Kafka into Postgres: each message into its tables or into quarantine, none lost, none doubled.

    Reads up to the end offsets seen at the start, in batches. Running it again continues where the last run ended.
    """
    reports, failure = run(topics or [], dry_run=dry_run, max_messages=max_messages, quiet=as_json)
    if as_json:
        typer.echo(orjson.dumps({"topics": [report.to_json() for report in reports]}, option=orjson.OPT_INDENT_2))
    else:
        from spark_jobs.display import print_reports

        print_reports(reports, dry_run=dry_run)
    if failure is not None:
        raise failure


def run(
    topics: list[str], *, dry_run: bool, max_messages: int | None, quiet: bool
) -> tuple[list[TopicReport], TrendscriptError | None]:
    """Load the topics one after another. The reports of those that passed, and the gravest failure of the others."""
    from spark_jobs.display import Progress
    from spark_jobs.lease import TopicBusy
    from spark_jobs.load import load_topic, rehearse_topic
    from spark_jobs.report import TopicReport

    settings = read_settings(load_max_messages=max_messages)
    reports: list[TopicReport] = []
    failures: list[TrendscriptError] = []
    with Progress(quiet=quiet) as progress:
        contracts = _contracts(topics)
        job = build_job(settings, [contract.topic for contract in contracts], progress)
        for contract in contracts:
            try:
                reports.append((rehearse_topic if dry_run else load_topic)(job, contract))
            except TopicBusy as busy:
                reports.append(TopicReport(contract.topic, (), note=str(busy)))
                if busy.stuck:
                    failures.append(busy)
            except TrendscriptError as failure:
                reports.append(TopicReport(contract.topic, (), note=str(failure)))
                failures.append(failure)
    return reports, max(failures, key=lambda failure: failure.exit_code, default=None)


def build_job(settings: Settings, topics: list[str], progress: Any) -> LoadJob:
    """Gather all that a load of these topics needs; Spark is started only when Postgres and Kafka can serve it.

    `progress` has `step(topic, text)`.
    Raises PostgresUnreachable, DatabaseNotMigrated, BrokerUnreachable, BrokerRefused or TopicMissing.
    """
    from spark_jobs.load import LoadJob
    from spark_jobs.session import build_session
    from trendscript.endpoints import kafka_bootstrap_servers
    from trendscript.kafka import client_options, require_topics

    dsn, servers = writer_dsn(settings), kafka_bootstrap_servers(settings)
    require_topics(topics, options=client_options(servers, settings.kafka_client_properties))
    progress.step("", "starting Spark")
    log_file = settings.trendscript_home / "logs" / "spark.log"
    spark = build_session(settings.spark_master, log_file, lambda text: progress.step("", text))
    return LoadJob(
        spark=spark,
        dsn=dsn,
        bootstrap_servers=servers,
        client_properties=settings.kafka_client_properties,
        lake=lake_address(settings),
        max_messages=settings.load_max_messages,
        silver=settings.lake_silver,
        on_step=progress.step,
    )


def writer_dsn(settings: Settings) -> str:
    """Postgres as the settings' user; in the local stack as `pipeline_writer`, who may do no more than a load does.

    Raises PostgresUnreachable or DatabaseNotMigrated.
    """
    from trendscript.endpoints import postgres_dsn
    from trendscript.migrations import require_migrated

    # Asked as the settings' user, since the migrations are what makes the writer.
    require_migrated(postgres_dsn(settings))
    return postgres_dsn(settings, user=None if settings.postgres_host else WRITER)


def lake_address(settings: Settings) -> str | None:
    """Where bronze goes: LAKE_PATH, else a folder of the local stack; None when LAKE_PATH is `off`."""
    if settings.lake_path == "off":
        return None
    return settings.lake_path or str(settings.trendscript_home / "lake")


def _contracts(topics: list[str]) -> list[Contract]:
    from trendscript.contracts import load_contract, load_contracts

    if not topics:
        return list(load_contracts().values())
    return [load_contract(topic) for topic in dict.fromkeys(topics)]


@_dead_letters.command("list")
def list_dead_letters(
    topic: Annotated[str | None, typer.Option(help="Only this topic's.")] = None,
    state: Annotated[str, typer.Option(help="open, closed, discarded or all.")] = "open",
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document to standard output.")] = False,
) -> None:
    """List quarantined messages with the reason why, the newest first."""
    from spark_jobs.dead_letters import find_dead_letters
    from spark_jobs.display import print_dead_letters

    if state not in ("open", "closed", "discarded", "all"):
        raise UsageError(f"--state is {state!r}; it is open, closed, discarded or all.")
    total, found = find_dead_letters(writer_dsn(read_settings()), topic=topic, state=state, limit=limit)
    if as_json:
        letters = [letter.to_json() for letter in found]
        typer.echo(orjson.dumps({"total": total, "dead_letters": letters}, option=orjson.OPT_INDENT_2))
    else:
        print_dead_letters(total, found)


@_dead_letters.command("show")
def show_dead_letter(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="As `list` prints it: TOPIC/PARTITION/OFFSET.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document to standard output.")] = False,
) -> None:
    """Show one quarantined message whole: reason, key, headers, and its bytes."""
    from spark_jobs.dead_letters import read_dead_letter
    from spark_jobs.display import print_dead_letter

    letter = read_dead_letter(writer_dsn(read_settings()), identifier)
    if as_json:
        typer.echo(orjson.dumps(letter.to_json(), option=orjson.OPT_INDENT_2))
    else:
        print_dead_letter(letter)


def main(arguments: list[str]) -> NoReturn:
    """Run `load` alone, as `spark-submit spark_jobs/load.py [TOPIC]... [OPTIONS]` does."""
    app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    app.command()(load)
    run_app(app, arguments, "load.py", prepare=lambda: configure_logging(read_settings().log_level))
