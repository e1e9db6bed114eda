"""How a command ends: every known failure as one sentence on standard error and the exit code of its kind."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn

import typer

from trendscript.errors import TrendscriptError

if TYPE_CHECKING:
    from collections.abc import Sequence

_INTERRUPTED = 130


def run_app(app: typer.Typer, arguments: Sequence[str], name: str) -> NoReturn:
    """Run the command that the arguments name, and end the process. `--debug` anywhere shows a failure's traceback."""
    debug = "--debug" in arguments
    try:
        app(args=[argument for argument in arguments if argument != "--debug"], prog_name=name)
    except TrendscriptError as failure:
        if debug:
            raise
        typer.echo(f"{name}: {failure}", err=True)
        sys.exit(failure.exit_code)
    except KeyboardInterrupt:
        typer.echo(f"{name}: stopped; what was committed is kept.", err=True)
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:
        sys.exit(0)
    except Exception as bug:
        if debug:
            raise
        typer.echo(f"{name}: unexpected {type(bug).__name__}: {bug}\nThis is a bug; --debug shows where.", err=True)
        sys.exit(1)
    sys.exit(0)
