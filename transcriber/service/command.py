"""`trendscript transcribe`: settings go in, the service runs until it is done or asked to stop, a report comes out."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import orjson
import structlog
import typer

from transcriber.service.metrics import serve_metrics
from transcriber.service.progress import ProgressDisplay
from transcriber.service.serve import open_service, plan_run
from transcriber.service.status import Status, Tally
from trendscript.errors import TrendscriptError
from trendscript.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

_log = structlog.get_logger(__name__)

_INTERRUPTED = 130


class StopSignals:
    """SIGTERM and Ctrl-C set `stop`, the first time; a second one ends the process as it always does."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.interrupted = False

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Catch them for the block."""
        before = {number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, number: int, _frame: Any) -> None:
        self.interrupted = number == signal.SIGINT
        self.stop.set()
        signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else signal.default_int_handler)


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
            port = opened.enter_context(serve_metrics(status, host=metrics_host, port=metrics_port))
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
        raise typer.Exit(_INTERRUPTED)


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
    code = failure.exit_code if failure is not None else _INTERRUPTED if interrupted else 0
    os._exit(code)
