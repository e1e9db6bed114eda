"""Lease: one runner a topic, held by an advisory lock on a connection of its own.

Politeness only: two runners that both believe they hold it still can't double a row, since every
range's transaction locks its ledger row and moves the position by compare-and-set.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import psycopg2

from trendscript.errors import TryAgainLater
from trendscript.postgres import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2 spells its classes small)

STUCK_AFTER = timedelta(hours=2)

_KEY = "('x' || substr(md5('trendscript lease ' || %s), 1, 15))::bit(60)::bigint"


class TopicBusy(TryAgainLater):
    """Raised when another runner holds the topic; `since` is how long it has."""

    def __init__(self, topic: str, holder: str, since: timedelta) -> None:
        self.topic, self.holder, self.since = topic, holder, since
        age = str(since).split(".")[0]
        super().__init__(f"{topic} is being worked on by {holder}, for {age} now. Try again when it has ended.")

    @property
    def stuck(self) -> bool:
        """Whether the holder has had the topic for longer than any load should take."""
        return self.since > STUCK_AFTER


class LeaseLost(TryAgainLater):
    """Raised when the lease's connection has broken; what was committed stays, the next run goes on from there."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A held lease. Ask `check` before each batch."""

    topic: str
    connection: Connection

    def check(self) -> None:
        """Raises LeaseLost when the connection that holds the lock is gone."""
        try:
            with self.connection.cursor() as cursor:
                cursor.execute("select 1")
        except psycopg2.Error as error:
            raise LeaseLost(
                f"The connection that holds the lease on {self.topic} is gone ({str(error).strip()}). Load again."
            ) from error


@contextmanager
def take_lease(dsn: str, topic: str) -> Iterator[Lease]:
    """Hold the topic's lease for the block. Raises TopicBusy when another runner has it."""
    connection = connect(dsn, application_name=f"trendscript lease {topic}", autocommit=True)
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"select pg_try_advisory_lock({_KEY})", [topic])
            if cursor.fetchone() != (True,):
                raise TopicBusy(topic, *_holder(connection, topic))
        try:
            yield Lease(topic, connection)
        finally:
            _give_back(connection, topic)
    finally:
        connection.close()


def _give_back(connection: Connection, topic: str) -> None:
    """Unlock by name: the server takes its time to notice a closed connection, and the next run may be there before."""
    with suppress(psycopg2.Error), connection.cursor() as cursor:
        cursor.execute(f"select pg_advisory_unlock({_KEY})", [topic])


def _holder(connection: Connection, topic: str) -> tuple[str, timedelta]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            select
                coalesce(host(a.client_addr), 'a local client') || ', process ' || a.pid,
                coalesce(now() - a.backend_start, interval '0')
            from pg_locks as l join pg_stat_activity as a using (pid)
            where l.locktype = 'advisory' and l.granted and l.database = a.datid and a.datname = current_database()
                and (l.classid::bigint << 32) | l.objid::bigint = {_KEY}
            """,  # noqa: S608  (_KEY is a constant here)
            [topic],
        )
        holder = cursor.fetchone()
    return holder or ("a runner that has just ended", timedelta())
