"""Dead letters: the quarantine in Postgres, read for a person who asks what was refused and why."""

from __future__ import annotations

import base64
import re
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spark_jobs.failures import database_failures
from trendscript.errors import UsageError
from trendscript.postgres import connect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (psycopg2 spells its classes small)

_COLUMNS = """
    topic, partition, "offset", reason, state, batch_id, first_seen_at, message_timestamp,
    message_key, message_value, headers, why, decided_by
"""
_KEY = 8  # place of message_key among the columns
_IDENTIFIER = re.compile(r"([^/]+)/(\d+)/(\d+)\Z")


class DeadLetterNotFound(UsageError):
    """Raised when no quarantined message has the identifier."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A quarantined message: where it came from, why it was refused, and its bytes. Times are in UTC."""

    topic: str
    partition: int
    offset: int
    reason: str
    state: str
    batch_id: int
    first_seen_at: datetime
    message_timestamp: datetime | None
    key: bytes | None
    value: bytes | None
    headers: list[dict[str, Any]] | None
    why: str | None
    decided_by: str | None = None

    @property
    def identifier(self) -> str:
        """TOPIC/PARTITION/OFFSET: where in Kafka the message stands."""
        return f"{self.topic}/{self.partition}/{self.offset}"

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON; bytes as text where they are UTF-8, and always as base64."""
        return {
            "id": self.identifier,
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "reason": self.reason,
            "state": self.state,
            "batch_id": self.batch_id,
            "first_seen_at": self.first_seen_at,
            "message_timestamp": self.message_timestamp,
            "key": to_text(self.key),
            "value": to_text(self.value),
            "key_base64": _to_base64(self.key),
            "value_base64": _to_base64(self.value),
            "headers": self.headers,
            "why": self.why,
            "decided_by": self.decided_by,
        }


def find_dead_letters(dsn: str, *, topic: str | None, state: str, limit: int) -> tuple[int, list[DeadLetter]]:
    """How many there are, and the newest of them."""
    where = "where (%(topic)s is null or topic = %(topic)s) and (%(state)s = 'all' or state = %(state)s)"
    values = {"topic": topic, "state": state, "limit": limit}
    with open_cursor(dsn) as cursor:
        cursor.execute(f"select count(*) from pipeline.dead_letter {where}", values)  # noqa: S608  (text from here)
        ((total,),) = cursor.fetchall()
        cursor.execute(
            f"select {_COLUMNS} from pipeline.dead_letter {where} "  # noqa: S608  (text from here)
            'order by first_seen_at desc, topic, partition, "offset" limit %(limit)s',
            values,
        )
        return total, [_to_letter(found) for found in cursor.fetchall()]


def read_dead_letter(dsn: str, identifier: str) -> DeadLetter:
    """The quarantined message at TOPIC/PARTITION/OFFSET; of a topic that was made anew, the newest.

    Raises DeadLetterNotFound.
    """
    place = to_place(identifier)
    with open_cursor(dsn) as cursor:
        cursor.execute(
            f"select {_COLUMNS} from pipeline.dead_letter "  # noqa: S608  (text from here)
            'where topic = %s and partition = %s and "offset" = %s order by first_seen_at desc limit 1',
            place,
        )
        found = cursor.fetchone()
    if found is None:
        raise DeadLetterNotFound(
            f"No message {identifier} is in quarantine. `trendscript dead-letters list` shows all."
        )
    return _to_letter(found)


def to_place(identifier: str) -> tuple[str, ...]:
    """Topic, partition and offset of an identifier. Raises DeadLetterNotFound when it isn't one."""
    place = _IDENTIFIER.match(identifier)
    if not place:
        raise DeadLetterNotFound(f"{identifier!r} is no dead letter's id; it reads TOPIC/PARTITION/OFFSET.")
    return place.groups()


@contextmanager
def open_cursor(dsn: str, *, writing: bool = False) -> Iterator[Cursor]:
    """A cursor on the quarantine. With `writing`, what was done is committed when the block ends without a failure."""
    with (
        database_failures("quarantine"),
        closing(connect(dsn, application_name="trendscript dead-letters")) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("set local lock_timeout = '60s'")
        yield cursor
        if writing:
            connection.commit()


def _to_letter(found: tuple[Any, ...]) -> DeadLetter:
    fields = list(found)
    fields[_KEY : _KEY + 2] = [_to_bytes(value) for value in found[_KEY : _KEY + 2]]
    return DeadLetter(*fields)


def _to_bytes(value: memoryview | None) -> bytes | None:
    return None if value is None else bytes(value)


def to_text(value: bytes | None) -> str | None:
    """The bytes as text, or None where they aren't UTF-8."""
    try:
        return None if value is None else value.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _to_base64(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()
