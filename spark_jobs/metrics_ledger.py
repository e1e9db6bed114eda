"""What metrics say of the ledger as it is: a cursor goes in, the state of now comes out.

All of it is read from the database, so that it is right after a restart, and whoever loads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spark_jobs.lease_holders import read_leases

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (psycopg2 spells its classes small)


@dataclass(frozen=True, slots=True)
class LastBatch:
    """The newest committed load of a topic. `quarantined` is the share of its messages; seconds are by step."""

    committed_at: float
    quarantined: float
    seconds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class LedgerState:
    """The ledger at one moment, by topic. Times are seconds since 1970.

    `planned` is since when a batch is unfinished, `open_letters` how many messages wait in quarantine for a decision.
    """

    last: Mapping[str, LastBatch]
    planned: Mapping[str, float]
    open_letters: Mapping[str, int]
    leases: frozenset[str]


def read_state(cursor: Cursor) -> LedgerState:
    """Read it; a topic that was never loaded is in none of it."""
    cursor.execute(
        """
        select t.topic, extract(epoch from b.committed_at)::float8, coalesce(b.seconds, '{}'), r.*
        from pipeline.topic as t
        cross join lateral (
            select * from pipeline.batch as b where b.topic = t.topic and b.state = 'committed' and b.kind = 'load'
            order by b.batch_id desc limit 1
        ) as b
        cross join lateral (
            select
                coalesce(sum(r.quarantined)::float8 / nullif(sum(r.read), 0), 0),
                max((r.seconds ->> 'copy')::float8), max((r.seconds ->> 'merge')::float8)
            from pipeline.batch_range as r where r.batch_id = b.batch_id
        ) as r
        """
    )
    last = {
        topic: LastBatch(committed_at, share, seconds | _without_none(copy=copy, merge=merge))
        for topic, committed_at, seconds, share, copy, merge in cursor.fetchall()
    }
    cursor.execute("select topic, extract(epoch from planned_at)::float8 from pipeline.batch where state = 'planned'")
    planned = dict(cursor.fetchall())
    cursor.execute("select topic, count(*) from pipeline.dead_letter where state = 'open' group by topic")
    letters = dict(cursor.fetchall())
    return LedgerState(last, planned, letters, frozenset(lease.topic for lease in read_leases(cursor.connection)))


def _without_none(**values: float | None) -> dict[str, float]:
    return {name: value for name, value in values.items() if value is not None}
