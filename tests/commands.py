"""The command line in this process: words go in, how it ended and what it printed come out."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from trendscript.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Run:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> Any:
        """What it printed as JSON."""
        return orjson.loads(self.out)


def command_line(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Run]:
    """A function that runs `trendscript ARGUMENTS` with the settings of the test's environment."""

    def run(*arguments: str) -> Run:
        monkeypatch.setattr(sys, "argv", ["trendscript", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        printed = capfd.readouterr()
        return Run(int(end.value.code or 0), printed.out, printed.err)

    return run
