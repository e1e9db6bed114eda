"""`trendscript transcribe`: settings go in, the service runs until it is done or asked to stop, a report comes out."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from typing import NoReturn

import orjson
import structlog
import typer

from transcriber.service.metrics import StatusCollector
from transcriber.service.progress import ProgressDisplay
from transcriber.service.serve import open_service, plan_run
from transcriber.service.status import Status, Tally
from trendscript.errors import TrendscriptError
from trendscript.metrics_server import serve_metrics
from trendscript.settings import read_settings
from trendscript.stopping import INTERRUPTED, StopSignals

_log = structlog.get_logger(__name__)


def run_transcribe(
    *, follow: bool, model: str | None, metrics_port: int | None, metrics_host: str, as_json: bool
) -> None:
    """Run the service, print what became of the requests, and raise the failure that ended it.

    A drain prints its report also where it ended with a failure: what was done stays done.
    """
    usual = {"whisper_model": model, "openai_model": model}
    settings = read_settings(**usual)
    signals = StopSignals()
    status = Status()
    failure: TrendscriptError | None = None
    abandoned = False
    with signals.caught(), ExitStack() as opened:
        if metrics_port is not None:
            served = serve_metrics(StatusCollector(status), status.health, host=metrics_host, port=metrics_port)
            port = opened.enter_context(served)
            _log.info("metrics_served", host=metrics_host, port=port)
        display = opened.enter_context(ProgressDisplay())
        run = plan_run(settings, follow=follow)
        service = opened.enter_context(open_service(settings, run, status, stop=signals.stop))
        try:
            service.serve(signals.stop, display)
        except TrendscriptError as raised:
            failure = raised
        abandoned = service.abandoned
    print_report(status.tally, as_json=as_json)
    if abandoned:
        _end_now(failure, interrupted=signals.interrupted)
    if failure is not None:
        raise failure
    if signals.interrupted:
        raise typer.Exit(INTERRUPTED)


def print_report(tally: Tally, *, as_json: bool) -> None:
    """What became of the requests, on standard output."""
    if as_json:
        typer.echo(orjson.dumps(tally.to_dict(), option=orjson.OPT_INDENT_2).decode())
        return
    typer.echo(
        f"{tally.requests} requests: {tally.transcribed} transcribed, {sum(tally.failed.values())} failed, "
        f"{tally.skipped} there already, {tally.refused} refused."
    )
    for reason, count in sorted(tally.failed.items()):
        typer.echo(f"failed, {reason}: {count}")
    if tally.seconds:
        speed = tally.audio_seconds / tally.seconds
        typer.echo(
            f"{tally.audio_seconds / 60:.1f} minutes of audio in {tally.seconds / 60:.1f}, {speed:.1f} x real time."
        )


def _end_now(failure: TrendscriptError | None, *, interrupted: bool) -> NoReturn:
    """End without waiting for a thread that hangs in a library: Python would crash under it on its way out."""
    if failure is not None:
        typer.echo(f"trendscript: {failure}", err=True)
    sys.stdout.flush()
    sys.stderr.flush()
    code = failure.exit_code if failure is not None else INTERRUPTED if interrupted else 0
    os._exit(code)
