"""What metrics say of the ledger: a cursor goes in; sums since the first load and the state of now come out.

All of it is read from the database, so that it is right after a restart, and whoever loads.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from spark_jobs.lease_holders import read_leases

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (psycopg2 spells its classes small)

# A batch is settled once it and all before it in its topic are committed or given up: its counts won't change.
_FRESH = """
with fresh as (
    select
        b.batch_id, b.topic, b.kind, b.state,
        not bool_or(b.state = 'planned') over (partition by b.topic order by b.batch_id) as settled
    from pipeline.topic as t
    left join unnest(%(topics)s::text[], %(marks)s::bigint[]) as known (topic, mark) on known.topic = t.topic
    cross join lateral (
        select * from pipeline.batch as b where b.topic = t.topic and b.batch_id > coalesce(known.mark, 0)
    ) as b
)
"""
_BATCHES = f"""
{_FRESH}
select settled, topic, kind, state, count(*), max(batch_id) from fresh where state <> 'planned' group by 1, 2, 3, 4
"""  # noqa: S608  (text from here)
_MESSAGES = f"""
{_FRESH}
select f.settled, f.topic, f.kind, sum(r.accepted), sum(r.quarantined), sum(r.skipped)
from fresh as f join pipeline.batch_range as r using (batch_id)
where r.committed_at is not null
group by 1, 2, 3
"""  # noqa: S608  (text from here)
_ROWS = f"""
{_FRESH}
select f.settled, f.topic, f.kind, t.name, c.outcome, sum(c.number::bigint)
from fresh as f
join pipeline.batch_range as r using (batch_id)
cross join lateral jsonb_each(r.tables) as t (name, counts)
cross join lateral jsonb_each_text(t.counts) as c (outcome, number)
where r.committed_at is not null and c.outcome <> 'rows'
group by 1, 2, 3, 4, 5
"""  # noqa: S608  (text from here)
_MESSAGE_OUTCOMES = ("accepted", "quarantined", "skipped")


@dataclass(frozen=True, slots=True)
class Sums:
    """Counts since the first load.

    `batches` by topic, kind and state; `messages` by topic, kind and outcome; `rows` by topic, kind, table and outcome.
    """

    batches: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    messages: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    rows: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            _added(self.batches, other.batches), _added(self.messages, other.messages), _added(self.rows, other.rows)
        )


def _added(one: Counter[Any], other: Counter[Any]) -> Counter[Any]:
    """The sum, with its zeros: an outcome that never came is told too."""
    total = Counter(one)
    total.update(other)
    return total


class SumsReader:
    """Reads the sums; what was settled when it looked before isn't read again, so that a long ledger costs once."""

    def __init__(self) -> None:
        self._settled = Sums()
        self._marks: dict[str, int] = {}

    def read(self, cursor: Cursor) -> Sums:
        """All sums. The cursor's transaction must see one moment: REPEATABLE READ."""
        self._forget_if_replaced(cursor)
        where = {"topics": list(self._marks), "marks": list(self._marks.values())}
        settled, open_ones = Sums(), Sums()
        cursor.execute(_MESSAGES, where)
        for is_settled, topic, kind, *counts in cursor.fetchall():
            found = (settled if is_settled else open_ones).messages
            for outcome, count in zip(_MESSAGE_OUTCOMES, counts, strict=True):
                found[topic, kind, outcome] += int(count)
        cursor.execute(_ROWS, where)
        for is_settled, topic, kind, table, outcome, count in cursor.fetchall():
            (settled if is_settled else open_ones).rows[topic, kind, table, outcome] += int(count)
        cursor.execute(_BATCHES, where)
        for is_settled, topic, kind, state, count, last in cursor.fetchall():
            (settled if is_settled else open_ones).batches[topic, kind, state] += count
            if is_settled:
                self._marks[topic] = max(last, self._marks.get(topic, 0))
        self._settled += settled
        return self._settled + open_ones

    def _forget_if_replaced(self, cursor: Cursor) -> None:
        """A database restored from a backup may lack what was counted."""
        marks = sorted(set(self._marks.values()))
        cursor.execute("select count(*) from pipeline.batch where batch_id = any(%s)", [marks])
        if cursor.fetchone() != (len(marks),):
            self._settled, self._marks = Sums(), {}


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
