"""`trendscript`: gathers the services' commands; turns every known failure into one sentence and an exit code."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

import ingest.cli
import spark_jobs.cli
import transcriber.cli
import trendscript
import trendscript.cli.demo
import trendscript.cli.doctor
import trendscript.cli.notify
import trendscript.cli.speech
import trendscript.cli.stack
import trendscript.cli.warehouse
from trendscript.exits import run_app
from trendscript.logs import configure_logging
from trendscript.settings import read_settings

app = typer.Typer(
    name="trendscript",
    help="What is popular on YouTube, and what is said in it, in one Postgres warehouse.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001  (Typer calls it with the flag's value)
    if wanted:
        typer.echo(f"trendscript {trendscript.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of a failure.")] = False,
) -> None:
    del version, debug
    configure_logging(read_settings().log_level)


for commands in (
    trendscript.cli.demo,
    trendscript.cli.stack,
    trendscript.cli.doctor,
    trendscript.cli.warehouse,
    ingest.cli,
    spark_jobs.cli,
    transcriber.cli,
    trendscript.cli.speech,
    trendscript.cli.notify,
):
    commands.register(app)


def main() -> None:
    """Run the command line of this process and end the process with the code of the design."""
    run_app(app, sys.argv[1:], "trendscript")
