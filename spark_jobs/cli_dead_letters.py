"""The commands `dead-letters …`: what a contract refused, and what an operator decides about it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from spark_jobs.cli_job import build_ledger_job, find_contracts, run_each, show_reports, writer_dsn
from trendscript.errors import UsageError
from trendscript.notices.telling import telling
from trendscript.settings import read_settings

if TYPE_CHECKING:
    from spark_jobs.report import TopicReport
    from trendscript.errors import TrendscriptError
    from trendscript.notices.news import Outcome

app = typer.Typer(help="Messages that a contract refused, kept byte for byte.", no_args_is_help=True)


@app.command("list")
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


@app.command("show")
def show_dead_letter(
    identifier: Annotated[
        str, typer.Argument(metavar="ID", help="As `list` prints it, mostly TOPIC/PARTITION/OFFSET.")
    ],
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


@app.command("retry")
def retry_dead_letters(
    topic: Annotated[
        str | None, typer.Argument(metavar="[TOPIC]", help="Only this topic's; else all that have a contract.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option("--reason", help="Only those refused for this, as `list` prints it.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would become of them, then undo it: nothing is written.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document to standard output.")] = False,
) -> None:
    """Try open messages again, after their contract was mended. Accepted ones go into their tables and are closed.

    Those that are refused again stay, with the reason of today. Needs neither Kafka nor Spark.
    """
    with telling("dead-letters retry", wanted=not dry_run) as outcome:
        reports, failure = _retry(topic, reason, outcome, dry_run=dry_run, quiet=as_json)
        show_reports(reports, failure, as_json=as_json, dry_run=dry_run)


def _retry(
    topic: str | None, reason: str | None, outcome: Outcome, *, dry_run: bool, quiet: bool
) -> tuple[list[TopicReport], TrendscriptError | None]:
    from spark_jobs.display import Progress
    from spark_jobs.retry import rehearse_retry, retry_letters

    run = rehearse_retry if dry_run else retry_letters
    with Progress(quiet=quiet) as progress:
        job = replace(build_ledger_job(read_settings(), with_kafka=False), on_step=progress.step)
        contracts = find_contracts([topic] if topic else [])
        return run_each(job, contracts, lambda noting, contract: run(noting, contract, reason), outcome=outcome)


@app.command("discard")
def discard_dead_letters(
    identifiers: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help="As `list` prints them, mostly TOPIC/PARTITION/OFFSET."),
    ] = None,
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason, kept with each message.")] = "",
    topic: Annotated[
        str | None, typer.Option("--topic", help="Instead of IDs: all of this topic that --reason names.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option("--reason", help="Why they were refused, as `list` prints it, such as not_json.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document to standard output.")] = False,
) -> None:
    """Decide that messages in quarantine are not to be loaded. They stay where they are, marked with who and why."""
    from spark_jobs.discard import discard_all, discard_letters

    if not why.strip():
        raise UsageError('Say --why "…": the reason is kept with each message.')
    if identifiers and not (topic or reason):
        discarded = discard_letters(writer_dsn(read_settings()), identifiers, why)
    elif topic and reason and not identifiers:
        discarded = discard_all(writer_dsn(read_settings()), topic, reason, why)
    else:
        raise UsageError("Name messages by their IDs, or all of one kind by --topic and --reason together.")
    if as_json:
        typer.echo(orjson.dumps({"discarded": discarded}, option=orjson.OPT_INDENT_2))
    else:
        typer.echo(f"{discarded:,} {'message' if discarded == 1 else 'messages'} discarded.")
