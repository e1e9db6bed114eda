"""How a command ends: every known failure as one sentence on standard error and the exit code of its kind."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn

import typer

from trendscript.errors import TrendscriptError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def run_app(
    app: typer.Typer, arguments: Sequence[str], name: str, *, prepare: Callable[[], None] = lambda: None
) -> NoReturn:
    """Run `prepare` and the command that the arguments name, and end the process.

    `--debug` anywhere shows a failure's traceback. Ctrl-C ends with 130; what was committed is kept.
    """
    debug = "--debug" in arguments
    try:
        prepare()
        app(args=[argument for argument in arguments if argument != "--debug"], prog_name=name)
    except TrendscriptError as failure:
        if debug:
            raise
        typer.echo(f"{name}: {failure}", err=True)
        sys.exit(failure.exit_code)
    except Exception as bug:
        if debug:
            raise
        typer.echo(f"{name}: unexpected {type(bug).__name__}: {bug}\nThis is a bug; --debug shows where.", err=True)
        sys.exit(1)
    sys.exit(0)
