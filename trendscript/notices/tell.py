"""Telling: what happened since the last notice goes to everybody who is to be told, in one message, and is remembered.

The ledger and the tables say what happened, whoever loaded. What left no trace there, such as a server that is away,
is told by the command that met it.
"""

from __future__ import annotations

import socket
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psycopg2
import structlog
from psycopg2.extensions import make_dsn

from trendscript.endpoints import postgres_dsn
from trendscript.errors import NeedsAPerson, TrendscriptError, TryAgainLater
from trendscript.logs import run_id
from trendscript.notices.gather import gather_news, gather_without_warehouse
from trendscript.notices.memory import MemoryFile, save_memories
from trendscript.notices.message import Message, to_message
from trendscript.notices.receivers import PartlySent, find_receivers, send_to_all
from trendscript.postgres import connect, describe

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2 spells its classes small)

    from trendscript.notices.gather import Gathered
    from trendscript.notices.news import Outcome
    from trendscript.notices.receivers import Receiver
    from trendscript.settings import Settings

_log = structlog.get_logger(__name__)

SEND_SECONDS = 12.0
"""No receiver is waited for longer."""
_CONNECT_SECONDS = 5
_STATEMENT_SECONDS = 15
_WRITER = "pipeline_writer"


class NoticeNotSent(TryAgainLater):
    """Raised when not one receiver took a message; `causes` are by receiver."""

    def __init__(self, causes: Mapping[str, str]) -> None:
        self.causes = causes
        told = "; ".join(f"{name}: {cause}" for name, cause in causes.items())
        super().__init__(f"The notice could not be sent ({told}). `trendscript notify --test` tries a mended setting.")


class NoticesRefused(NeedsAPerson):
    """Raised when the warehouse doesn't let us read what is new, or remember what was told."""


class NoticesWait(TryAgainLater):
    """Raised when the warehouse took too long over what is new, or somebody else was telling for too long."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What was to be told, if anything; who took it, and who didn't, with the cause.

    A receiver of which only some took it is in both. `away` is what kept us from the warehouse.
    """

    message: Message | None = None
    told: tuple[str, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()
    away: TrendscriptError | None = None

    @property
    def is_lost(self) -> bool:
        """Whether there was something to tell, and nobody took it."""
        return self.message is not None and not self.told


def tell_news(settings: Settings, outcome: Outcome, *, watching: bool = False) -> Notice:
    """Tell what is new to all receivers, and remember it once one of them has taken it.

    What nobody took is tried again later each time, since it may have arrived all the same.
    Where the warehouse is away, what the command knows to have failed is told; with `watching`, that too.
    Raises NoReceivers.
    """
    receivers, kept, notice = find_receivers(settings), MemoryFile(settings.trendscript_home), Notice()
    try:
        with open_warehouse(settings) as (connection, where), connection.cursor() as cursor:
            gathered = gather_news(cursor, settings, outcome, kept.read())
            notice = _send_news(gathered, receivers, where)
            save_memories(cursor, gathered.unsent if notice.is_lost else gathered.changed)
            connection.commit()
            if not notice.is_lost:
                kept.forget()
            return notice
    except TrendscriptError as away:
        if notice.message is not None:  # told again next time, which is better than never
            return replace(notice, away=away)
        if watching:
            outcome.note("", away)
        return replace(_tell_without_warehouse(settings, outcome, receivers, kept), away=away)


def rehearse_news(settings: Settings, outcome: Outcome) -> Notice:
    """What would be told now. Nothing is sent, and nothing is remembered."""
    with open_warehouse(settings) as (connection, where), connection.cursor() as cursor:
        news = gather_news(cursor, settings, outcome, MemoryFile(settings.trendscript_home).read()).news
    return Notice(to_message(news, _to_footer(where)) if news else None)


def send_test(settings: Settings) -> Notice:
    """Tell all receivers that they can be told. Raises NoReceivers."""
    text = "This is a test: whoever reads it is told when a load fails, quarantines messages, or finds something new."
    return send_message(
        Message("Trendscript: a test notice", f"{text}\n\n{_to_footer('not asked')}\n"), find_receivers(settings)
    )


def send_message(message: Message, receivers: Sequence[Receiver]) -> Notice:
    """Send a message to all, and say in the log who took it and who didn't."""
    answers = send_to_all(receivers, message, SEND_SECONDS)
    told = tuple(name for name, failure in answers.items() if failure is None or isinstance(failure, PartlySent))
    failed = tuple((name, str(failure)) for name, failure in answers.items() if failure is not None)
    for name, cause in failed:
        _log.warning("notice_failed", receiver=name, cause=cause)
    if told:
        _log.info("notice_sent", receivers=list(told), title=message.title)
    return Notice(message, told, failed)


@contextmanager
def open_warehouse(settings: Settings) -> Iterator[tuple[Connection, str]]:
    """A connection whose statements have little time, as who may write the ledger; and where it leads, in words.

    What isn't committed in the block is undone. Raises what `trendscript.postgres.connect` raises, NoServer,
    NoticesRefused or NoticesWait.
    """
    dsn = postgres_dsn(settings, user=None if settings.postgres_host else _WRITER)
    hasty = make_dsn(dsn, connect_timeout=_CONNECT_SECONDS)
    try:
        with closing(connect(hasty, application_name="trendscript notices")) as connection:
            with connection.cursor() as cursor:
                cursor.execute(f"set lock_timeout = '{_STATEMENT_SECONDS}s'")
                cursor.execute(f"set statement_timeout = '{_STATEMENT_SECONDS}s'")
            yield connection, describe(dsn)
    except psycopg2.Error as error:
        raise _named(error) from error


def _tell_without_warehouse(
    settings: Settings, outcome: Outcome, receivers: Sequence[Receiver], kept: MemoryFile
) -> Notice:
    gathered = gather_without_warehouse(settings, outcome, kept.read(), datetime.now(UTC))
    notice = _send_news(gathered, receivers, "away")
    remembered = gathered.unsent if notice.is_lost else gathered.changed
    if remembered:
        kept.write(remembered)
    return notice


def _send_news(gathered: Gathered, receivers: Sequence[Receiver], where: str) -> Notice:
    if not gathered.news:
        return Notice()
    message = to_message(gathered.news, _to_footer(where))
    if gathered.next_try is None:
        return send_message(message, receivers)
    cause = f"nobody took the last notice, and the next is sent after {gathered.next_try:%H:%M:%S} UTC"
    _log.warning("notice_held_back", cause=cause)
    return Notice(message, failed=tuple((receiver.name, cause) for receiver in receivers))


def _to_footer(where: str) -> str:
    return f"Told by run {run_id()} on {socket.gethostname()}. Warehouse: {where}."


def _named(error: psycopg2.Error) -> TrendscriptError:
    text = " ".join(str(error).split()).rstrip(".")
    if isinstance(error, psycopg2.errors.UndefinedTable | psycopg2.errors.UndefinedColumn):
        return NoticesRefused(f"The warehouse keeps no notices yet ({text}). Run `trendscript migrate`.")
    if isinstance(error, psycopg2.OperationalError):
        return NoticesWait(f"The warehouse took too long, or went away, before the notice was kept ({text}).")
    return NoticesRefused(f"What was told can't be kept ({text}). Whoever tells needs the rights of pipeline_writer.")
