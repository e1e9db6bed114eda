"""Who holds a topic: the locks of a database go in, the runners that have taken a lease come out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from trendscript.errors import TryAgainLater

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2 spells its classes small)
    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (psycopg2 spells its classes small)

STUCK_AFTER = timedelta(hours=2)

# A lock's number is split over two columns of pg_locks. Whoever may not write the lease's number is no runner. What
# pg_stat_activity knows is hidden from other roles, so a runner writes down itself who it is and since when; what an
# earlier runner has left there is known by its process.
_HELD = """
    select
        l.topic, a.pid,
        case
            when l.process = a.pid then l.holder
            else coalesce(host(a.client_addr), 'a client') || ', process ' || a.pid
        end,
        case when l.process = a.pid then now() - l.taken_at else coalesce(now() - a.backend_start, interval '0') end
    from pipeline.lease as l
    join pg_locks as k on (k.classid::bigint << 32) | k.objid::bigint = l.key
    join pg_stat_activity as a using (pid)
    where k.locktype = 'advisory' and k.granted and k.objsubid = 1
        and k.database = a.datid and a.datname = current_database()
        and has_table_privilege(a.usesysid, 'pipeline.lease', 'update')
"""


@dataclass(frozen=True, slots=True)
class HeldLease:
    """A topic that a runner holds now: its connection's process, who it is in words, and for how long it has it."""

    topic: str
    process: int
    holder: str
    since: timedelta


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


def read_leases(connection: Connection) -> list[HeldLease]:
    """The topics that runners hold now, by topic."""
    with connection.cursor() as cursor:
        cursor.execute(f"{_HELD} order by l.topic, a.pid")
        return [HeldLease(*found) for found in cursor.fetchall()]


def find_holder(cursor: Cursor, topic: str) -> HeldLease | None:
    """The runner that holds the topic; None where nobody or a stranger has its lock."""
    cursor.execute(f"{_HELD} and l.topic = %s", [topic])
    found = cursor.fetchone()
    return None if found is None else HeldLease(*found)


def note_holder(cursor: Cursor, topic: str, key: int, command: str) -> bool:
    """Write down who holds the topic from now on; False where its lock has another number by now.

    Waits for whoever is changing the number, who then sees who holds the lock.
    """
    cursor.execute(
        """
        update pipeline.lease
        set taken_at = now(), process = pg_backend_pid(), holder =
            coalesce(host(inet_client_addr()), 'a local client') || ', process ' || pg_backend_pid()
            || ' (' || %s || ', ' || current_user || ')'
        where topic = %s and key = %s
        """,
        [command, topic, key],
    )
    return bool(cursor.rowcount)
