"""Stopping: signals to the process go in, a wish to stop comes out, which work that goes on for long looks at."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

INTERRUPTED = 130
"""What a process ends with that was stopped by Ctrl-C, and had no failure."""


class StopSignals:
    """SIGTERM and Ctrl-C set `stop`, the first time; a second one ends the process as it always does.

    With `unwinding` false a second Ctrl-C raises nothing and kills, as SIGTERM does: what would be done on the way out
    may wait for the very thing that the user has had enough of.
    """

    def __init__(self, *, unwinding: bool = True) -> None:
        self._second_interrupt = signal.default_int_handler if unwinding else signal.SIG_DFL
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
        signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else self._second_interrupt)
