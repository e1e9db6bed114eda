"""The command that asks for transcriptions: a wish goes in, its report goes to standard output, faults to the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import typer

from transcriber.faults import ServiceFault
from transcriber.requests.report import RequestReport
from transcriber.requests.requesting import plan_requests, request_transcriptions
from trendscript.settings import read_settings

if TYPE_CHECKING:
    from transcriber.requests.requesting import Wish


def run_request(wish: Wish, *, dry_run: bool, as_json: bool) -> None:
    """Ask, or plan to; print the report; and raise the fault that the command ends with."""
    report = RequestReport()
    act = plan_requests if dry_run else request_transcriptions
    failure: ServiceFault | None = None
    try:
        act(read_settings(), wish, report, tell=lambda line: typer.echo(line, err=True))
    except ServiceFault as fault:
        failure = fault
    if as_json:
        typer.echo(orjson.dumps(report.to_dict(), option=orjson.OPT_INDENT_2).decode())
    else:
        for line in report.to_lines():
            typer.echo(line)
    if failure is not None:
        raise failure
