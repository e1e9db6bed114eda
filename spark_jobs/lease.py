"""Lease: one runner a topic, held by an advisory lock on a connection of its own.

Politeness only: two runners that both believe they hold it still can't double a row, since every
range's transaction locks its ledger row and moves the position by compare-and-set.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg2
import structlog

from spark_jobs.lease_holders import TopicBusy
from spark_jobs.lease_lock import Patience, lock, unlock
from trendscript.errors import TryAgainLater
from trendscript.postgres import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2 spells its classes small)

    from spark_jobs.batch import Batch

_OWN_SECONDS = 30.0
"""So long the server may take to notice that a connection of ours is gone."""

_log = structlog.get_logger(__name__)


class LeaseLost(TryAgainLater):
    """Raised when the lease's connection broke and another runner has the topic now; what was committed stays."""


class TopicTaken(TryAgainLater):
    """Raised when another runner has planned a batch between two of ours: the lease was lost, or is not heeded."""

    def __init__(self, planned: Batch) -> None:
        self.planned = planned
        super().__init__(
            f"{planned.topic}: another runner has planned batch {planned.batch_id}, a {planned.kind}, meanwhile. It is "
            "left alone, and what was committed here stays. Run it again when that one has ended."
        )


@dataclass(slots=True)
class Lease:
    """A held lease. Ask `check` before each attempt at a batch. `process` is the server's, of its connection."""

    topic: str
    dsn: str
    command: str
    connection: Connection
    process: int
    key: int

    def check(self) -> None:
        """Make sure that the topic is still ours; where its connection broke, as a restart does it, it is taken again.

        Raises LeaseLost when another runner has it meanwhile, PostgresUnreachable or PostgresBusy.
        """
        try:
            with self.connection.cursor() as cursor:
                cursor.execute("select 1")
        except psycopg2.Error as error:
            _log.warning("lease_broken", topic=self.topic, cause=" ".join(str(error).split()))
            self._take_again()

    def _take_again(self) -> None:
        """Lock the topic on a new connection; the server may not have noticed yet that the old one is gone."""
        self.connection.close()
        self.connection = _connect(self.dsn, self.topic)
        try:
            patience = Patience(_OWN_SECONDS, self.process)
            self.key = lock(self.dsn, self.connection, self.topic, self.command, patience)
        except TopicBusy as busy:
            self.connection.close()
            raise LeaseLost(f"The connection that held the lease on {self.topic} broke, and now {busy}") from busy
        except BaseException:
            self.connection.close()  # one that holds no lock must not pass for the lease's at the next check
            raise
        self.process = self.connection.get_backend_pid()


@contextmanager
def take_lease(dsn: str, topic: str, command: str = "load", *, patience: float = 0.0) -> Iterator[Lease]:
    """Hold the topic's lease for the block, and have others know that `command` does.

    Raises TopicBusy when another runner has it, and still has it after `patience` seconds.
    """
    connection = _connect(dsn, topic)
    try:
        key = lock(dsn, connection, topic, command, Patience(patience))
        lease = Lease(topic, dsn, command, connection, connection.get_backend_pid(), key)
    except BaseException:
        connection.close()
        raise
    try:
        yield lease
    finally:
        unlock(lease.connection, lease.key)
        lease.connection.close()


def _connect(dsn: str, topic: str) -> Connection:
    """A connection whose loss the server notices too: else a runner that vanished would hold its topic for hours."""
    connection = connect(dsn, application_name=f"trendscript lease {topic}", autocommit=True)
    with connection.cursor() as cursor:
        cursor.execute("set tcp_keepalives_idle = 10; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 3")
    return connection
