"""Quarantined messages that are too old: a topic and what is to go come in, letters leave `pipeline.dead_letter`.

A letter is as old as its message says it was captured; where it doesn't say, as its time in Kafka; where that isn't
known, as its time in quarantine. Of which source it is only the message can say.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from trendscript.contracts.values import Fault, to_microseconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2 spells its classes small)
    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (psycopg2 spells its classes small)

    from spark_jobs.purge_tables import Doomed

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_AT_ONCE = 20  # a letter may have 8 MiB

OldLetter = tuple[str, int, int, datetime]
"""A topic's id, a partition and an offset."""


@dataclass(frozen=True, slots=True)
class PurgedStretch:
    """Letters of a partition that were deleted, from the first offset up to the one behind the last.

    `unclosed` of them were open or discarded.
    """

    topic_id: str
    partition: int
    from_offset: int
    until_offset: int
    unclosed: int
    closed: int

    def to_json(self) -> dict[str, Any]:
        """As the ledger keeps it."""
        return asdict(self)


def find_old_letters(connection: Connection, topic: str, doomed: Doomed) -> list[OldLetter]:
    """The places of a topic's letters that are old enough. All its letters are read, which may take its time."""
    return list(_find_old(connection, topic, doomed))


def _find_old(connection: Connection, topic: str, doomed: Doomed) -> Iterator[OldLetter]:
    with connection.cursor("old_letters") as cursor:
        cursor.itersize = _AT_ONCE
        cursor.execute(
            """
            select topic_id, partition, "offset", coalesce(message_timestamp, first_seen_at), message_value
            from pipeline.dead_letter where topic = %s
            """,
            [topic],
        )
        for topic_id, partition, offset, seen_at, value in cursor:
            source, captured_at = read_origin(None if value is None else bytes(value))
            if (captured_at or seen_at) < doomed.before and doomed.source in (None, source):
                yield topic_id, partition, offset, seen_at


def read_origin(value: bytes | None) -> tuple[str | None, datetime | None]:
    """The source that a message names and when it was captured; None for what can't be told."""
    try:
        message = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return None, None
    if not isinstance(message, dict):
        return None, None
    source = message.get("source")
    try:
        captured_at = _EPOCH + timedelta(microseconds=to_microseconds(message.get("captured_at")))
    except (Fault, OverflowError):
        captured_at = None
    return source if isinstance(source, str) else None, captured_at


def purge_letters(cursor: Cursor, old: list[OldLetter]) -> list[PurgedStretch]:
    """Delete these letters; how many, by topic id and partition. The caller commits.

    One that has come to such a place since, as after a restored Kafka was accepted, has another time, and stays.
    """
    if not old:
        return []
    cursor.execute(
        """
        delete from pipeline.dead_letter as d
        using unnest(%s::text[], %s::integer[], %s::bigint[], %s::timestamptz[])
            as old (topic_id, partition, "offset", seen_at)
        where
            d.topic_id = old.topic_id and d.partition = old.partition and d."offset" = old."offset"
            and coalesce(d.message_timestamp, d.first_seen_at) = old.seen_at
        returning d.topic_id, d.partition, d."offset", d.state <> 'closed'
        """,
        [list(column) for column in zip(*old, strict=True)],
    )
    deleted: dict[tuple[str, int], list[tuple[int, bool]]] = defaultdict(list)
    for topic_id, partition, offset, unclosed in cursor.fetchall():
        deleted[topic_id, partition].append((offset, unclosed))
    return [_to_stretch(place, letters) for place, letters in sorted(deleted.items())]


def _to_stretch(place: tuple[str, int], letters: list[tuple[int, bool]]) -> PurgedStretch:
    """The letters' span; only unclosed ones bound it where there are any, since those are what has to add up."""
    unclosed = [offset for offset, waits in letters if waits]
    bounds = unclosed or [offset for offset, _ in letters]
    return PurgedStretch(*place, min(bounds), max(bounds) + 1, len(unclosed), len(letters) - len(unclosed))
