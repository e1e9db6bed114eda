"""The command `replay`: a person's words for a place or a time go in, a report of what was loaded again comes out."""

from __future__ import annotations

from dataclasses import replace as with_changes
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from spark_jobs.cli_job import (
    PATIENCE_SECONDS,
    MaxQuarantinePercent,
    allow_quarantine,
    build_job,
    show_reports,
    writer_dsn,
)
from trendscript.errors import UsageError
from trendscript.notices.telling import telling
from trendscript.settings import read_settings

if TYPE_CHECKING:
    from spark_jobs.replay import Asked
    from spark_jobs.report import TopicReport
    from trendscript.contracts.model import Contract


def replay(  # noqa: PLR0913, PLR0917  (each is an option)
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="The topic to load again.")],
    from_offset: Annotated[
        int | None, typer.Option("--from", metavar="N", min=0, help="The first offset; 0 for all of them.")
    ] = None,
    to_offset: Annotated[
        int | None, typer.Option("--to", metavar="M", min=0, help="The last offset; else all that was loaded.")
    ] = None,
    partitions: Annotated[
        list[int] | None,
        typer.Option("--partition", metavar="P", min=0, help="Only this partition; may be given again. Else all."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="All since a message of this time, such as 2026-11-20T12:00Z."),
    ] = None,
    from_lake: Annotated[
        bool, typer.Option("--from-lake", help="Read the lake instead of Kafka, which forgets.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what the first batch would do, then undo it: nothing is written.")
    ] = False,
    abandon: Annotated[
        bool, typer.Option("--abandon", help="Give up a replay or retry that can't be finished; needs --why.")
    ] = False,
    why: Annotated[str | None, typer.Option("--why", metavar="TEXT", help="The reason, kept in the ledger.")] = None,
    max_quarantine_percent: MaxQuarantinePercent = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document to standard output.")] = False,
) -> None:
    """Load again what was loaded before, so that a mended contract takes effect on it.

    Rows that come out as they are stay untouched, and the next load goes on where it would have. Offsets that
    were never loaded are left out. What a load or replay left unfinished is finished first.
    """
    if abandon:
        if dry_run or from_lake or from_offset is not None or to_offset is not None or since is not None:
            raise UsageError("--abandon gives up what is planned; it takes --why, and no other option of a replay.")
        _abandon(topic, (why or "").strip() or None, as_json=as_json)
        return
    from trendscript.contracts import load_contract

    asked = to_asked(from_offset, to_offset, partitions or [], since)
    if from_lake:
        asked = with_changes(asked, source="lake")
    contract = allow_quarantine(load_contract(topic), max_quarantine_percent)
    with telling(f"replay {topic}", wanted=not dry_run):
        report = run_replay(contract, asked, dry_run=dry_run, quiet=as_json)
        show_reports([report], as_json=as_json, dry_run=dry_run)


def to_asked(from_offset: int | None, to_offset: int | None, partitions: list[int], since: str | None) -> Asked:
    """What the options ask for. Raises UsageError when they say nothing, or two things at once."""
    from spark_jobs.replay import Asked

    asked = Asked(partitions=tuple(dict.fromkeys(partitions)))
    if since is not None:
        if from_offset is not None or to_offset is not None:
            raise UsageError("--since names a time, --from and --to name offsets; give the one or the other.")
        return with_changes(asked, since=_to_time(since))
    if from_offset is None and to_offset is None:
        raise UsageError("Say what to load again: --from N [--to M], or --since TIME. `--from 0` is all of it.")
    if to_offset is not None and to_offset < (from_offset or 0):
        raise UsageError(f"--to {to_offset} lies before --from {from_offset}.")
    until = None if to_offset is None else to_offset + 1
    return with_changes(asked, from_offset=from_offset or 0, until_offset=until)


def _to_time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise UsageError(f"--since is {text!r}; it is a time with its offset, such as 2026-11-20T12:00Z.")
    return found


def run_replay(contract: Contract, asked: Asked, *, dry_run: bool, quiet: bool) -> TopicReport:
    """Replay one topic, telling each step as it begins. Raises as `replay_topic`."""
    from spark_jobs.display import Progress
    from spark_jobs.replay import rehearse_replay, replay_topic

    with Progress(quiet=quiet) as progress:
        job = build_job(read_settings(), [contract.topic], progress, with_kafka=asked.source == "kafka")
        return (rehearse_replay if dry_run else replay_topic)(job, contract, asked)


def _abandon(topic: str, why: str | None, *, as_json: bool) -> None:
    from spark_jobs.replay import abandon_replay

    if not why:
        raise UsageError('--abandon needs --why "…": the reason is kept with the batch.')
    batch = abandon_replay(writer_dsn(read_settings()), topic, why, patience=PATIENCE_SECONDS)
    if as_json:
        typer.echo(orjson.dumps({"topic": topic, "abandoned": batch.batch_id}, option=orjson.OPT_INDENT_2))
    else:
        typer.echo(f"{topic}: batch {batch.batch_id}, a {batch.kind}, is given up; what it had committed stays.")
