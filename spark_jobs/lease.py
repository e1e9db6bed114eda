"""Lease: one runner a topic, held by an advisory lock on a connection of its own.

Politeness only: two runners that both believe they hold it still can't double a row, since every
range's transaction locks its ledger row and moves the position by compare-and-set.

Anybody who may connect to a database may take any advisory lock of it, analysts included. So the number of a topic's
lock is random and kept in `pipeline.lease`, which they can't read; where one of them holds it nevertheless, having
seen it in use, the next runner gives the topic another number.
"""

from __future__ import annotations

import secrets
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import psycopg2
import structlog

from trendscript.errors import TryAgainLater
from trendscript.postgres import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2 spells its classes small)
    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (psycopg2 spells its classes small)

    from spark_jobs.batch import Batch

STUCK_AFTER = timedelta(hours=2)

_ATTEMPTS = 5
_KEY_BITS = 62

_log = structlog.get_logger(__name__)

# A lock's number is split over two columns of pg_locks. Whoever may not write the lease's number is no runner.
_HELD = """
    select
        coalesce(host(a.client_addr), 'a local client') || ', process ' || a.pid,
        coalesce(now() - a.backend_start, interval '0'), l.topic
    from pipeline.lease as l
    join pg_locks as k on (k.classid::bigint << 32) | k.objid::bigint = l.key
    join pg_stat_activity as a using (pid)
    where k.locktype = 'advisory' and k.granted and k.objsubid = 1
        and k.database = a.datid and a.datname = current_database()
        and has_table_privilege(a.usesysid, 'pipeline.lease', 'update')
"""


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
    """Raised when the lease's connection broke and another runner has the topic now; what was committed stays."""


class TopicTaken(TryAgainLater):
    """Raised when another runner has planned a batch between two of ours: the lease was lost, or is not heeded."""

    def __init__(self, planned: Batch) -> None:
        self.planned = planned
        super().__init__(
            f"{planned.topic}: another runner has planned batch {planned.batch_id}, a {planned.kind}, meanwhile. It is "
            "left alone, and what was committed here stays. Run it again when that one has ended."
        )


@dataclass(frozen=True, slots=True)
class HeldLease:
    """A topic that a runner holds now: the runner's address and process, and the age of its connection."""

    topic: str
    holder: str
    since: timedelta


@dataclass(slots=True)
class Lease:
    """A held lease. Ask `check` before each attempt at a batch."""

    topic: str
    dsn: str
    connection: Connection
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
        self.connection.close()
        self.connection = _connect(self.dsn, self.topic)
        try:
            self.key = _lock(self.dsn, self.connection, self.topic)
        except TopicBusy as busy:
            raise LeaseLost(f"The connection that held the lease on {self.topic} broke, and now {busy}") from busy


@contextmanager
def take_lease(dsn: str, topic: str) -> Iterator[Lease]:
    """Hold the topic's lease for the block. Raises TopicBusy when another runner has it."""
    connection = _connect(dsn, topic)
    try:
        lease = Lease(topic, dsn, connection, _lock(dsn, connection, topic))
    except BaseException:
        connection.close()
        raise
    try:
        yield lease
    finally:
        _give_back(lease.connection, lease.key)
        lease.connection.close()


def _connect(dsn: str, topic: str) -> Connection:
    """A connection whose loss the server notices too: else a runner that vanished would hold its topic for hours."""
    connection = connect(dsn, application_name=f"trendscript lease {topic}", autocommit=True)
    with connection.cursor() as cursor:
        cursor.execute("set tcp_keepalives_idle = 10; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 3")
    return connection


def read_leases(connection: Connection) -> list[HeldLease]:
    """The topics that runners hold now, by topic. Ages are 0 where the user may not see others' connections."""
    with connection.cursor() as cursor:
        cursor.execute(f"{_HELD} order by l.topic, a.pid")
        return [HeldLease(topic, holder, since) for holder, since, topic in cursor.fetchall()]


def _lock(dsn: str, connection: Connection, topic: str) -> int:
    """Lock the topic; the number of the lock. Raises TopicBusy."""
    for _ in range(_ATTEMPTS):
        with connection.cursor() as cursor:
            key = _read_key(cursor, topic)
            cursor.execute("select pg_try_advisory_lock(%s)", [key])
            if cursor.fetchone() == (True,):
                if _is_current(cursor, topic, key):
                    return key
                _give_back(connection, key)
            else:
                _renew(dsn, topic, key)
    raise TopicBusy(topic, "runners that have just ended", timedelta())


def _read_key(cursor: Cursor, topic: str) -> int:
    """The number of the topic's lock, made when it is first asked for."""
    for _ in range(2):
        cursor.execute("select key from pipeline.lease where topic = %s", [topic])
        found = cursor.fetchone()
        if found is not None:
            return int(found[0])
        cursor.execute(
            "insert into pipeline.lease (topic, key) values (%s, %s) on conflict do nothing", [topic, _new_key()]
        )
    raise LookupError(f"the lease of {topic} vanished")


def _new_key() -> int:
    return secrets.randbits(_KEY_BITS)


def _is_current(cursor: Cursor, topic: str, key: int) -> bool:
    """Whether the lock has still this number; waits for whoever is changing it, who then sees who holds it."""
    cursor.execute("select key from pipeline.lease where topic = %s for share", [topic])
    return cursor.fetchone() == (key,)


def _renew(dsn: str, topic: str, key: int) -> None:
    """Give the topic another lock, unless this one is held by a runner: then raises TopicBusy."""
    with (
        closing(connect(dsn, application_name=f"trendscript lease of {topic}")) as connection,
        connection,
        connection.cursor() as cursor,
    ):
        # Before looking who holds it: nobody takes the lock from a stranger unseen while the row is locked.
        cursor.execute("select from pipeline.lease where topic = %s and key = %s for update", [topic, key])
        if not cursor.rowcount:
            return
        cursor.execute(f"{_HELD} and l.topic = %s", [topic])
        held = cursor.fetchone()
        if held is not None:
            raise TopicBusy(topic, *held[:2])
        cursor.execute("update pipeline.lease set key = %s where topic = %s", [_new_key(), topic])
        _log.warning("lease_key_renewed", topic=topic)


def _give_back(connection: Connection, key: int) -> None:
    """Unlock by name: the server takes its time to notice a closed connection, and the next run may be there before."""
    with suppress(psycopg2.Error), connection.cursor() as cursor:
        cursor.execute("select pg_advisory_unlock(%s)", [key])
