"""What a person sees of the demo: a line a step with its seconds, then tables; plain text in a pipe."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


_WIDTH_IN_A_PIPE = 100


class Screen:
    """Writes to standard output; what goes on within a step stands below it on a terminal, until the step ends."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH_IN_A_PIPE)
        self._status = self._console.status("")
        self._began = time.perf_counter()

    def do(self, what: str, action: Callable[[], str]) -> None:
        """Do a step that is called `what` while it lasts, and write what it returns with the seconds it took."""
        began = time.perf_counter()
        self._status.update(Text(what))
        if self._console.is_terminal:
            self._status.start()
        try:
            outcome = action()
        finally:
            self._status.stop()
        self.write(f"{time.perf_counter() - began:5.1f} s  {outcome}")

    def step(self, topic: str, text: str) -> None:
        """Tell what goes on within a step."""
        self._status.update(Text(f"{topic}{': ' if topic else ''}{text}"))

    def say(self, text: str) -> None:
        """Write a line that stays, as of a download."""
        self.write(f"         {text}")

    def write(self, text: str = "", *, bold: bool = False) -> None:
        """Write text as it is, never broken."""
        self._console.print(Text(text, style="bold" if bold else ""), soft_wrap=True)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Write rows; numbers stand to the right, what is absent stays empty, titles give way on a narrow terminal."""
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for place, column in enumerate(columns):
            numbers = all(row[place] is None or not isinstance(row[place], str) for row in rows)
            table.add_column(column, justify="right" if numbers else "left", no_wrap=column != "title")
        for row in rows:
            table.add_row(*(_cell(value) for value in row))
        self._console.print(table)

    @property
    def seconds(self) -> float:
        """Seconds since the beginning."""
        return time.perf_counter() - self._began


def _cell(value: Any) -> Text:
    return Text("" if value is None else value if isinstance(value, str) else f"{value:,}")


def program() -> str:
    """How to call this program from where its user stands: by name, or by path where the PATH doesn't lead to it."""
    ours = Path(sys.executable).parent / "trendscript"
    found = shutil.which("trendscript")
    if not ours.exists() or (found and Path(found).resolve() == ours.resolve()):
        return "trendscript"
    near = os.path.relpath(ours)
    return str(ours) if near.startswith("..") else near
