"""The command `accept-gap`: a person's decision about messages that can't be loaded any more goes into the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from spark_jobs.cli_job import build_ledger_job
from trendscript.errors import UsageError
from trendscript.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spark_jobs.gaps import Acceptance, Gap


def accept_gap(
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="The topic that load refuses.")],
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason, kept in the ledger for ever.")] = "",
    partitions: Annotated[
        list[int] | None,
        typer.Option("--partition", metavar="P", min=0, help="Only this partition; may be given again. Else all."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be given up, and change nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document to standard output.")] = False,
) -> None:
    """Go on without messages that can't be loaded any more. For whoever has made sure that they are lost.

    Offsets that Kafka deleted, a Kafka that ends before what was loaded, a topic that was made anew, another
    cluster: what load refuses is given up here, and who decided it and why is written down. What was loaded stays.
    """
    from spark_jobs.accept_gap import accept_gap as decide

    if not (why.strip() or dry_run):
        raise UsageError('Say --why "…": the reason is kept with the gap. --dry-run shows the gap first.')
    accepted = decide(
        build_ledger_job(read_settings(), with_kafka=True), topic, why, partitions=partitions or (), dry_run=dry_run
    )
    if as_json:
        typer.echo(orjson.dumps(accepted.to_json() | {"dry_run": dry_run}, option=orjson.OPT_INDENT_2))
        return
    for line in to_lines(accepted):
        typer.echo(line)
    typer.echo("Nothing was changed." if dry_run else f"`trendscript load {topic}` goes on from here.")


def to_lines(accepted: Acceptance) -> Iterator[str]:
    """What is given up, a sentence each."""
    topic = accepted.identity.topic
    for gap in accepted.gaps:
        yield f"{topic}, partition {gap.partition}: {_what(gap)}"
    if accepted.takes_over:
        yield f"{topic}: load goes on with the topic id {accepted.identity.topic_id} of {accepted.identity.cluster_id}."
    for partition, offset in sorted(accepted.positions.items()):
        yield f"{topic}, partition {partition}: load goes on at offset {offset}."
    if accepted.abandoned is not None:
        yield f"{topic}: batch {accepted.abandoned.batch_id}, planned and not finished, is abandoned."


def _what(gap: Gap) -> str:
    if gap.until_offset is None:
        return f"what topic id {gap.topic_id} held from offset {gap.from_offset} on is given up ({gap.fault})."
    if gap.fault == "PositionAhead":
        return (
            f"Kafka ends before offset {gap.from_offset}; those up to {gap.until_offset - 1} "
            "are given up, and others will stand there (PositionAhead)."
        )
    return f"offsets {gap.from_offset} to {gap.until_offset - 1} are given up ({gap.fault})."
