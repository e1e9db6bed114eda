"""The command `doctor`: what is amiss, and what mends it, a line a check; nothing is changed."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from trendscript.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trendscript.doctor.finding import Result
    from trendscript.doctor.surroundings import Surroundings

_COLOURS = {"ok": "green", "skipped": "bright_black", "warning": "yellow", "unreachable": "red", "broken": "red"}


def register(app: typer.Typer) -> None:
    """Add this module's command to the command line."""
    app.command()(doctor)


def doctor(
    *,
    online: Annotated[
        bool, typer.Option("--online", help="Try the YouTube key as well: sends it, and costs one unit of quota.")
    ] = False,
    min_free_percent: Annotated[
        float, typer.Option(metavar="PERCENT", min=0, max=100, help="Warn where less of a disk is free.")
    ] = 10.0,
    stale_minutes: Annotated[
        int, typer.Option(metavar="MINUTES", min=1, help="Warn where a region's newest chart is older.")
    ] = 60,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document to standard output.")] = False,
) -> None:
    """Look at everything this needs, and say what is amiss and what mends it. Changes nothing.

    Java, jars, Kafka and its topics, PostgreSQL and its roles, the ledger, YouTube's key and quota, freshness, the
    speech model, disks. Ends with 0 when nothing is worse than a warning, 69 when a server can't be reached, and 78
    when something is broken.
    """
    from trendscript.doctor.finding import exit_code  # noqa: PLC0415  (keeps --help quick)
    from trendscript.doctor.surroundings import Surroundings, Thresholds  # noqa: PLC0415  (as above)

    thresholds = Thresholds(min_free_percent=min_free_percent, stale_after=timedelta(minutes=stale_minutes))
    with Surroundings(read_settings(), thresholds=thresholds, online=online) as surroundings:
        results = list(_tell(surroundings, quiet=as_json))
    code = exit_code(results)
    if as_json:
        typer.echo(json.dumps({"checks": [result.to_json() for result in results], "exit_code": code}, indent=2))
    raise typer.Exit(code)


def _tell(surroundings: Surroundings, *, quiet: bool) -> Iterator[Result]:
    """Print each result as it comes, unless `quiet`."""
    from trendscript.doctor.checkup import examine  # noqa: PLC0415  (keeps --help quick)

    for result in examine(surroundings):
        if not quiet:
            typer.echo(to_line(result, coloured=sys.stdout.isatty()))
        yield result


def to_line(result: Result, *, coloured: bool = False) -> str:
    """One line: the state, the check, what was found, and what mends it."""
    state = f"{result.finding.state:<11}"
    shown = typer.style(state, fg=_COLOURS[result.finding.state]) if coloured else state
    return " ".join(part for part in (shown, f"{result.name:<14}", result.finding.found, result.finding.mend) if part)
