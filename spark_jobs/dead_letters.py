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
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (psycopg2 spells its classes small)

# The last column tells of another message at the same place, of a topic that was made anew.
_LETTERS = """
with incarnation as (select distinct topic, topic_id from pipeline.dead_letter)
select
    d.topic, d.partition, d."offset", d.reason, d.state, d.batch_id, d.first_seen_at, d.message_timestamp,
    d.message_key, d.message_value, d.headers, d.why, d.decided_by, d.topic_id,
    exists (
        select from incarnation as i join pipeline.dead_letter as o using (topic_id)
        where i.topic = d.topic and i.topic_id <> d.topic_id and o.partition = d.partition and o."offset" = d."offset"
    )
from pipeline.dead_letter as d
"""
_KEY = 8  # place of message_key among the columns
_IDENTIFIER = re.compile(r"([^/]+)/(\d+)/(\d+)(?:@(.+))?\Z")


class DeadLetterNotFound(UsageError):
    """Raised when no quarantined message has the identifier."""


class DeadLetterAmbiguous(UsageError):
    """Raised when several messages stand at one place, since the topic was made anew, and the id doesn't say which."""

    def __init__(self, identifier: str, found: Sequence[DeadLetter]) -> None:
        self.identifier, self.found = identifier, found
        which = ", ".join(f"{letter.identifier} ({letter.state})" for letter in found)
        super().__init__(
            f"{identifier} may mean several messages, since the topic was made anew: {which}. Name the one you mean by "
            "its whole id, in quotes. Nothing was changed."
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a quarantined message stands; without `topic_id`, in whichever topic of that name."""

    topic: str
    partition: int
    offset: int
    topic_id: str | None = None


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
    topic_id: str = ""
    ambiguous: bool = False

    @property
    def identifier(self) -> str:
        """TOPIC/PARTITION/OFFSET: where in Kafka the message stands; @TOPIC_ID where another stands there as well."""
        place = f"{self.topic}/{self.partition}/{self.offset}"
        return f"{place}@{self.topic_id}" if self.ambiguous else place

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON; bytes as text where they are UTF-8, and always as base64."""
        return {
            "id": self.identifier,
            "topic": self.topic,
            "topic_id": self.topic_id,
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
    where = "where (%(topic)s is null or d.topic = %(topic)s) and (%(state)s = 'all' or d.state = %(state)s)"
    values = {"topic": topic, "state": state, "limit": limit}
    with open_cursor(dsn) as cursor:
        cursor.execute(f"select count(*) from pipeline.dead_letter as d {where}", values)  # noqa: S608  (text from here)
        ((total,),) = cursor.fetchall()
        cursor.execute(
            f'{_LETTERS} {where} order by d.first_seen_at desc, d.topic, d.partition, d."offset" limit %(limit)s',
            values,
        )
        return total, [_to_letter(found) for found in cursor.fetchall()]


def read_dead_letter(dsn: str, identifier: str) -> DeadLetter:
    """The quarantined message of an id, TOPIC/PARTITION/OFFSET or that with @TOPIC_ID.

    Raises DeadLetterNotFound, or DeadLetterAmbiguous where the topic was made anew and two stand at the place.
    """
    with open_cursor(dsn) as cursor:
        return find_dead_letter(cursor, identifier)


def find_dead_letter(cursor: Cursor, identifier: str) -> DeadLetter:
    """As `read_dead_letter`, in a transaction of the caller's."""
    place = to_place(identifier)
    cursor.execute(
        f"""
        {_LETTERS}
        where d.topic = %s and d.partition = %s and d."offset" = %s and (%s::text is null or d.topic_id = %s)
        order by d.first_seen_at desc
        """,
        [place.topic, place.partition, place.offset, place.topic_id, place.topic_id],
    )
    found = [_to_letter(row) for row in cursor.fetchall()]
    if not found:
        raise DeadLetterNotFound(
            f"No message {identifier} is in quarantine. `trendscript dead-letters list` shows all."
        )
    if len(found) > 1:
        raise DeadLetterAmbiguous(identifier, found)
    return found[0]


def to_place(identifier: str) -> Place:
    """The place that an identifier names. Raises DeadLetterNotFound when it isn't one."""
    place = _IDENTIFIER.match(identifier)
    if not place:
        raise DeadLetterNotFound(
            f"{identifier!r} is no dead letter's id; it reads TOPIC/PARTITION/OFFSET, or that with @TOPIC_ID."
        )
    return Place(place[1], int(place[2]), int(place[3]), place[4])


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
