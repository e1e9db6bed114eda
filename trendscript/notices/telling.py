"""Telling after a command: how it ended goes in; people are told, within a time, whatever becomes of the notice."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog
import typer

from trendscript.errors import UsageError
from trendscript.notices.news import Outcome
from trendscript.notices.receivers import is_configured
from trendscript.settings import SettingsRefused, read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trendscript.settings import Settings

_log = structlog.get_logger(__name__)

LIMIT_SECONDS = 30.0
"""A command ends so much later at most, whatever mail servers and the warehouse do."""
LOOK_SECONDS = 60.0
"""A command that goes on looks so often whether there is something to tell."""


@contextmanager
def telling(command: str, *, wanted: bool = True) -> Iterator[Outcome]:
    """Tell people what came of the block, when it ends; its end, good or bad, stays what it is.

    A failure that leaves the block is noted for the command as a whole. Nothing is told where no receiver is set,
    unless `wanted`, of a command that was called wrongly, and of one that a signal ended.
    """
    settings, outcome = read_settings(), Outcome(command)

    def end(failure: Exception | None) -> None:
        outcome.note_end(failure)
        if wanted and is_configured(settings):
            tell_within(_renew(settings), outcome)

    try:
        yield outcome
    except (typer.Exit, UsageError):
        raise
    except Exception as failure:
        end(failure)
        raise
    end(None)


@contextmanager
def telling_along(read_outcome: Callable[[], Outcome], every: float = LOOK_SECONDS) -> Iterator[None]:
    """Tell people every so often, while the block lasts, what `read_outcome` and the warehouse say."""
    settings, stop = read_settings(), threading.Event()
    if not is_configured(settings):
        yield
        return

    def look() -> None:
        while not stop.wait(every):
            tell_within(_renew(settings), read_outcome())

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()


def _renew(settings: Settings) -> Settings:
    """The settings of now: a file may hold another password since. Those there were, where they can't be read."""
    try:
        return read_settings()
    except SettingsRefused:
        return settings


def tell_within(settings: Settings, outcome: Outcome, seconds: float = LIMIT_SECONDS) -> None:
    """Tell what is new, if that can be done in time. Raises nothing: a failing notice is a line of the log."""
    thread = threading.Thread(target=_tell, args=(settings, outcome), daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        _log.warning("notice_unfinished", seconds=seconds)


def _tell(settings: Settings, outcome: Outcome) -> None:
    from trendscript.notices.tell import tell_news  # noqa: PLC0415  (nothing is imported where nobody is told)

    try:
        away = tell_news(settings, outcome).away
    except Exception as bug:  # noqa: BLE001  (whatever it is, the command has done its work; its words may hold a secret)
        _log.warning("notice_failed", receiver="all", cause=f"unexpected {type(bug).__name__}")
        return
    if away is not None:
        _log.warning("notice_incomplete", cause=type(away).__name__, reason=str(away))
