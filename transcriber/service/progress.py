"""Progress: the service's status goes in; a line that renews itself comes out on a terminal, else events."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

import structlog
from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from transcriber.service.status import Current, Status

_log = structlog.get_logger(__name__)

_EVENT_SECONDS = 30.0


class ProgressDisplay:
    """Shows the status on standard error as often as it is asked to; a context manager."""

    def __init__(self, console: Console | None = None, *, every: float = _EVENT_SECONDS) -> None:
        self._console = console or Console(stderr=True)
        self._line = self._console.status("Waiting for requests")
        self._every = every
        self._next_event = time.monotonic() + every

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._line.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._line.stop()

    def show(self, status: Status) -> None:
        """Show it: at once on a terminal, else every half minute while there is a video."""
        now = time.monotonic()
        if self._console.is_terminal:
            self._line.update(Text(to_line(status, now)))
            return
        current = status.current
        if current is not None and now >= self._next_event:
            self._next_event = now + self._every
            left = current.seconds_left(now)
            _log.info(
                "transcribing",
                video_id=current.video_id,
                minutes_done=round(current.done / 60, 1),
                minutes=round(current.of / 60, 1),
                times_real_time=round(current.speed(now), 2),
                minutes_left=None if left is None else round(left / 60, 1),
            )


def to_line(status: Status, now: float) -> str:
    """What is happening, in one line."""
    waiting = sum(status.waiting().values())
    if status.state == "degraded":
        return f"Waiting, {waiting} to do: {status.reason}"
    if status.current is None:
        return f"{status.tally.requests} done, {waiting} to do"
    return f"{_of_video(status.current, now)}   {status.tally.requests} done, {waiting} to do"


def _of_video(current: Current, now: float) -> str:
    if not current.of:
        return f"{current.video_id}: beginning"
    line = f"{current.video_id}: {current.done / 60:.1f} of {current.of / 60:.1f} min"
    left = current.seconds_left(now)
    if left is None:
        return line
    return f"{line}, {current.speed(now):.1f} x real time, {_to_clock(left)} left"


def _to_clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
