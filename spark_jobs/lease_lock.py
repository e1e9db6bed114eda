"""The lock of a topic: its secret number is found and locked, after a while of patience, or renewed.

Anybody who may connect to a database may take any advisory lock of it, analysts included. So the number of a topic's
lock is random and kept in `pipeline.lease`, which they can't read; where one of them holds it nevertheless, having
seen it in use, the next runner gives the topic another number.
"""

from __future__ import annotations

import secrets
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import TYPE_CHECKING

import psycopg2
import structlog

from spark_jobs.lease_holders import HeldLease, TopicBusy, find_holder, note_holder
from trendscript.postgres import connect

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2 spells its classes small)
    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (psycopg2 spells its classes small)

_ATTEMPTS = 5
_KEY_BITS = 62
_AT_ONCE = 5.0
"""Seconds waited in one piece: between two it is looked whether the number is still the topic's."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """For how many seconds to wait for whoever has a topic; with `process`, for that one's connection alone."""

    seconds: float = 0.0
    process: int | None = None


def lock(dsn: str, connection: Connection, topic: str, command: str, patience: Patience) -> int:
    """Lock the topic for `command`; the number of the lock. Raises TopicBusy.

    Who waits is served in turn: the lock goes to it the moment that it is given back, and a runner that only tries, as
    a load does, finds it taken.
    """
    until = time.monotonic() + patience.seconds
    for attempt in range(_ATTEMPTS + ceil(patience.seconds / _AT_ONCE)):
        with connection.cursor() as cursor:
            key = _read_key(cursor, topic)
            if not _try_lock(cursor, key):
                held = _find_runner(dsn, topic, key)
                if held is None:
                    continue
                left = until - time.monotonic()
                if left <= 0 or patience.process not in {None, held.process}:
                    raise TopicBusy(topic, held.holder, held.since)
                if attempt == 0:
                    _log.info("lease_awaited", topic=topic, holder=held.holder, seconds=patience.seconds)
                if not _await_lock(cursor, key, min(left, _AT_ONCE)):
                    continue
            if note_holder(cursor, topic, key, command):
                return key
            unlock(connection, key)
    raise TopicBusy(topic, "runners that have just ended", timedelta())


def unlock(connection: Connection, key: int) -> None:
    """Unlock by name: the server takes its time to notice a closed connection, and the next run may be there before."""
    with suppress(psycopg2.Error), connection.cursor() as cursor:
        cursor.execute("select pg_advisory_unlock(%s)", [key])


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


def _try_lock(cursor: Cursor, key: int) -> bool:
    cursor.execute("select pg_try_advisory_lock(%s)", [key])
    return cursor.fetchone() == (True,)


def _await_lock(cursor: Cursor, key: int, seconds: float) -> bool:
    """Whether the lock came free in this time."""
    cursor.execute("select set_config('lock_timeout', %s, false)", [f"{max(1, round(seconds * 1000))}ms"])
    try:
        cursor.execute("select pg_advisory_lock(%s)", [key])
    except (psycopg2.errors.LockNotAvailable, psycopg2.errors.QueryCanceled):
        return False
    finally:
        cursor.execute("reset lock_timeout")
    return True


def _find_runner(dsn: str, topic: str, key: int) -> HeldLease | None:
    """The runner that holds the topic; where a stranger has its lock, the topic is given another."""
    with (
        closing(connect(dsn, application_name=f"trendscript lease of {topic}")) as connection,
        connection,
        connection.cursor() as cursor,
    ):
        # Before looking who holds it: nobody takes the lock from a stranger unseen while the row is locked.
        cursor.execute("select from pipeline.lease where topic = %s and key = %s for update", [topic, key])
        if not cursor.rowcount:
            return None
        held = find_holder(cursor, topic)
        if held is None:
            cursor.execute("update pipeline.lease set key = %s where topic = %s", [_new_key(), topic])
            _log.warning("lease_key_renewed", topic=topic)
        return held
