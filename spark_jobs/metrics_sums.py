"""Counts since the first load: a ledger goes in, sums come out; what was summed once is kept in the database.

A batch is settled once it and all before it in its topic are committed or given up: its counts won't change.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2 spells its classes small)
    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (psycopg2 spells its classes small)

_AT_ONCE = 1000
"""Batches of each topic that one statement sums, so that none takes long over however long a ledger."""
_NO_END = 2**63 - 1

_SETTLED = """
select t.topic, max(b.batch_id)
from pipeline.topic as t
left join unnest(%(topics)s::text[], %(marks)s::bigint[]) as known (topic, mark) on known.topic = t.topic
cross join lateral (
    select n.batch_id, bool_and(n.state <> 'planned') over (order by n.batch_id) as settled
    from (
        select b.batch_id, b.state from pipeline.batch as b
        where b.topic = t.topic and b.batch_id > coalesce(known.mark, 0) order by b.batch_id limit %(most)s
    ) as n
) as b
where b.settled
group by t.topic
"""
_ASKED = """
with asked as (
    select b.batch_id, b.topic, b.kind, b.state
    from unnest(%(topics)s::text[], %(after)s::bigint[], %(until)s::bigint[]) as span (topic, after, until)
    join pipeline.batch as b on b.topic = span.topic and b.batch_id > span.after and b.batch_id <= span.until
)
"""
_BATCHES = f"""
{_ASKED}
select topic, kind, state, count(*) from asked where state <> 'planned' group by 1, 2, 3
"""  # noqa: S608  (text from here)
_MESSAGES = f"""
{_ASKED}
select a.topic, a.kind, sum(r.accepted), sum(r.quarantined), sum(r.skipped)
from asked as a join pipeline.batch_range as r using (batch_id)
where r.committed_at is not null
group by 1, 2
"""  # noqa: S608  (text from here)
_ROWS = f"""
{_ASKED}
select a.topic, a.kind, t.name, c.outcome, sum(c.number::bigint)
from asked as a
join pipeline.batch_range as r using (batch_id)
cross join lateral jsonb_each(r.tables) as t (name, counts)
cross join lateral jsonb_each_text(t.counts) as c (outcome, number)
where r.committed_at is not null and c.outcome <> 'rows'
group by 1, 2, 3, 4
"""  # noqa: S608  (text from here)
_MESSAGE_OUTCOMES = ("accepted", "quarantined", "skipped")


@dataclass(frozen=True, slots=True)
class Sums:
    """Counts since the first load.

    `batches` by topic, kind and state; `messages` by topic, kind and outcome; `rows` by topic, kind, table and outcome.
    """

    batches: Counter[tuple[str, ...]] = field(default_factory=Counter)
    messages: Counter[tuple[str, ...]] = field(default_factory=Counter)
    rows: Counter[tuple[str, ...]] = field(default_factory=Counter)

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            _added(self.batches, other.batches), _added(self.messages, other.messages), _added(self.rows, other.rows)
        )

    def to_json(self, topic: str) -> dict[str, Any]:
        """The counts of one topic, as the database keeps them."""
        parts = {"batches": self.batches, "messages": self.messages, "rows": self.rows}
        return {
            name: [[*labels[1:], count] for labels, count in sorted(part.items()) if labels[0] == topic]
            for name, part in parts.items()
        }

    @classmethod
    def from_json(cls, topic: str, kept: Mapping[str, Any]) -> Sums:
        """The counts that `to_json` gave."""
        return cls(
            **{name: Counter({(topic, *labels): count for *labels, count in part}) for name, part in kept.items()}
        )


def _added(one: Counter[tuple[str, ...]], other: Counter[tuple[str, ...]]) -> Counter[tuple[str, ...]]:
    """The sum, with its zeros: an outcome that never came is told too."""
    total = Counter(one)
    total.update(other)
    return total


class SumsReader:
    """Reads the sums; what was settled when it, or another before it, looked last isn't read again."""

    def __init__(self) -> None:
        self._settled = Sums()
        self._marks: dict[str, int] = {}

    def settle(self, connection: Connection) -> None:
        """Sum what is settled by now, bit by bit, and keep it for whoever asks next. Commits after each bit."""
        with connection, connection.cursor() as cursor:
            self._forget_if_replaced(cursor)
            if not self._marks:
                self._settled, self._marks = _read_kept(cursor)
        while self._settle_next(connection):
            pass

    def read(self, cursor: Cursor) -> Sums:
        """All sums, once they are settled. The cursor's transaction must see one moment: REPEATABLE READ."""
        cursor.execute("select topic from pipeline.topic")
        spans = {topic: (self._marks.get(topic, 0), _NO_END) for (topic,) in cursor.fetchall()}
        return self._settled + _sum(cursor, spans)

    def _settle_next(self, connection: Connection) -> bool:
        """Sum the next settled batches of each topic; whether there were any."""
        with connection, connection.cursor() as cursor:
            cursor.execute("set local statement_timeout = '60s'")
            cursor.execute(
                _SETTLED, {"topics": list(self._marks), "marks": list(self._marks.values()), "most": _AT_ONCE}
            )
            ends = dict(cursor.fetchall())
            if not ends:
                return False
            found = _sum(cursor, {topic: (self._marks.get(topic, 0), end) for topic, end in ends.items()})
            total = self._settled + found
            _keep(cursor, total, ends)
        # Only now: a transaction that failed has summed nothing.
        self._settled = total
        self._marks |= ends
        return True

    def _forget_if_replaced(self, cursor: Cursor) -> None:
        """A database restored from a backup may lack what was counted, or have yet to commit it."""
        marks = sorted(set(self._marks.values()))
        cursor.execute("select count(*) from pipeline.batch where batch_id = any(%s) and state <> 'planned'", [marks])
        if cursor.fetchone() != (len(marks),):
            self._settled, self._marks = Sums(), {}


def _sum(cursor: Cursor, spans: Mapping[str, tuple[int, int]]) -> Sums:
    """Counts of each topic's batches behind one, up to and with another."""
    after, until = [span[0] for span in spans.values()], [span[1] for span in spans.values()]
    asked, sums = {"topics": list(spans), "after": after, "until": until}, Sums()
    cursor.execute(_BATCHES, asked)
    for *labels, count in cursor.fetchall():
        sums.batches[tuple(labels)] = int(count)
    cursor.execute(_MESSAGES, asked)
    for topic, kind, *counts in cursor.fetchall():
        for outcome, count in zip(_MESSAGE_OUTCOMES, counts, strict=True):
            sums.messages[topic, kind, outcome] = int(count)
    cursor.execute(_ROWS, asked)
    for *labels, count in cursor.fetchall():
        sums.rows[tuple(labels)] = int(count)
    return sums


def _read_kept(cursor: Cursor) -> tuple[Sums, dict[str, int]]:
    """What was summed before, and up to which batch of each topic."""
    cursor.execute("select s.* from pipeline.batch_sums as s join pipeline.batch as b on b.batch_id = s.until_batch")
    sums, marks = Sums(), {}
    for topic, until_batch, kept in cursor.fetchall():
        sums += Sums.from_json(topic, kept)
        marks[topic] = until_batch
    return sums, marks


def _keep(cursor: Cursor, sums: Sums, ends: Mapping[str, int]) -> None:
    """Keep the sums of these topics, unless the user may only read."""
    cursor.execute("select has_table_privilege('pipeline.batch_sums', 'insert, update') and not pg_is_in_recovery()")
    if cursor.fetchone() != (True,):
        return
    for topic, end in sorted(ends.items()):
        cursor.execute(
            """
            insert into pipeline.batch_sums as s (topic, until_batch, sums) values (%s, %s, %s)
            on conflict (topic) do update set until_batch = excluded.until_batch, sums = excluded.sums
            where s.until_batch < excluded.until_batch
            """,
            [topic, end, orjson.dumps(sums.to_json(topic)).decode()],
        )
