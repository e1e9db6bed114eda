"""Memory: what was told, as `pipeline.notice` keeps it, and in a file for the time in which the warehouse is away."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

import orjson
import structlog

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (psycopg2 spells its classes small)

    from trendscript.notices.news import Key, Kind

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered of one thing. `since` is when it began, the last time; `ended_at` is None while it lasts."""

    since: datetime
    told_at: datetime | None = None
    ended_at: datetime | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def was_told(self) -> bool:
        """Whether somebody heard of it since it began."""
        return self.told_at is not None and self.told_at >= self.since


def is_newer(one: Memory, other: Memory) -> bool:
    """Whether the one was told after the other."""
    return (one.told_at or one.since) > (other.told_at or other.since)


def read_memories(cursor: Cursor) -> dict[Key, Memory]:
    """All there is. Until the transaction, which this begins, ends, nobody else reads it to tell.

    All that is read afterwards is of one moment: a batch that is committed meanwhile is told next time, and only then.
    """
    cursor.execute("set transaction isolation level repeatable read")
    # A lock of the table, for which analysts have no right. The moment is that of the query after it.
    cursor.execute("lock table pipeline.notice in share row exclusive mode")
    cursor.execute("select kind, subject, detail, since, told_at, ended_at, facts from pipeline.notice")
    return {(kind, subject, detail): Memory(*memory) for kind, subject, detail, *memory in cursor.fetchall()}


def save_memories(cursor: Cursor, memories: Mapping[Key, Memory]) -> None:
    """Write these, over what was remembered of the same. The caller commits."""
    cursor.executemany(
        """
        insert into pipeline.notice (kind, subject, detail, since, told_at, ended_at, facts)
        values (%s, %s, %s, %s, %s, %s, %s)
        on conflict (kind, subject, detail) do update
        set since = excluded.since, told_at = excluded.told_at, ended_at = excluded.ended_at, facts = excluded.facts
        """,
        [
            (*key, memory.since, memory.told_at, memory.ended_at, orjson.dumps(memory.facts).decode())
            for key, memory in memories.items()
        ],
    )


class MemoryFile:
    """Troubles told while the warehouse could not be asked. A file that can't be read or written is told in the log."""

    def __init__(self, home: Path) -> None:
        self._path = home / "notices.json"

    def read(self) -> dict[Key, Memory]:
        """What it holds; nothing where it isn't there, or holds something else."""
        try:
            rows = orjson.loads(self._path.read_bytes())
            return dict(_from_row(row) for row in rows)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, KeyError) as error:
            _log.warning("notice_memory_unreadable", path=str(self._path), cause=type(error).__name__)
            return {}

    def write(self, memories: Mapping[Key, Memory]) -> None:
        """Hold these and nothing else, from one moment to the next."""
        rows = [_to_row(key, memory) for key, memory in memories.items()]
        beside = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(orjson.dumps(rows))
            beside.replace(self._path)
        except OSError as error:
            _log.warning("notice_memory_unwritten", path=str(self._path), cause=error.strerror)

    def forget(self) -> None:
        """Hold nothing: the warehouse remembers it from now on."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("notice_memory_unwritten", path=str(self._path), cause=error.strerror)


def _to_row(key: Key, memory: Memory) -> dict[str, Any]:
    kind, subject, detail = key
    times = {"since": memory.since, "told_at": memory.told_at, "ended_at": memory.ended_at}
    return {"kind": kind, "subject": subject, "detail": detail, **times}


def _from_row(row: Mapping[str, Any]) -> tuple[Key, Memory]:
    since, told_at, ended_at = (
        None if row[name] is None else datetime.fromisoformat(row[name]) for name in ("since", "told_at", "ended_at")
    )
    if since is None:
        raise ValueError("a memory without a beginning")
    return (cast("Kind", row["kind"]), str(row["subject"]), str(row["detail"])), Memory(since, told_at, ended_at)
