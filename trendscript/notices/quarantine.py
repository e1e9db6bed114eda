"""Quarantine: the ledger goes in, what was refused since the last notice comes out, by topic and reason.

The batches of a topic are committed or given up one after the other, in the order of their numbers, so one number a
topic says up to where its quarantine was told.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from trendscript.notices.memory import Memory
from trendscript.notices.news import Quarantined
from trendscript.notices.troubles import SAME_AFTER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (psycopg2 spells its classes small)

    from trendscript.notices.news import Key

# Of a topic that no notice was ever about, a day's batches: not all that there ever were.
_SETTLED = """
with settled as (
    select b.batch_id, b.topic, b.topic_id, b.kind, b.run_id
    from pipeline.batch as b
    left join pipeline.notice as n on n.kind = 'quarantine' and n.subject = b.topic and n.detail = ''
    where b.state <> 'planned' and case
        when n.subject is null then b.planned_at > now() - interval '1 day'
        else b.batch_id > (n.facts ->> 'until_batch')::bigint
    end
)
"""
_ENDS = f"{_SETTLED} select topic, max(batch_id) from settled group by topic"  # noqa: S608  (text from here)
_COUNTS = f"""
{_SETTLED}
select s.topic, s.kind, sum(r.quarantined)::bigint, max(s.batch_id), array_remove(array_agg(distinct s.run_id), null)
from settled as s join pipeline.batch_range as r using (batch_id)
where r.committed_at is not null and r.quarantined > 0
group by s.topic, s.kind order by s.topic, s.kind
"""  # noqa: S608  (text from here)
_REASONS = f"""
{_SETTLED}
select s.topic, s.kind, d.reason, count(*)
from settled as s
join pipeline.batch_range as r using (batch_id)
join pipeline.dead_letter as d
    on d.topic_id = s.topic_id and d.partition = r.partition and d.batch_id = s.batch_id
    and d."offset" >= r.from_offset and d."offset" < r.until_offset
where r.committed_at is not null
group by s.topic, s.kind, d.reason order by count(*) desc, d.reason
"""  # noqa: S608  (text from here)


def read_quarantined(
    cursor: Cursor, memories: Mapping[Key, Memory], now: datetime
) -> tuple[list[Quarantined], dict[Key, Memory]]:
    """What is to be told, and what changes in memory.

    Messages that are refused for a reason that was told a short while ago wait, and are told with those that follow.
    """
    cursor.execute(_ENDS)
    ends: dict[str, int] = dict(cursor.fetchall())
    found = _read_counts(cursor)
    told: list[Quarantined] = []
    changed: dict[Key, Memory] = {}
    for topic, end in ends.items():
        news = [one for one in found if one.topic == topic]
        keys: list[Key] = [
            ("quarantine", topic, reason) for reason in {r for one in news for r in one.reasons or ["?"]}
        ]
        if news and not any(_is_due(memories.get(key), now) for key in keys):
            continue
        told += news
        changed |= {key: Memory(now, told_at=now) for key in keys}
        mark: Key = ("quarantine", topic, "")
        changed[mark] = replace(memories.get(mark, Memory(now)), facts={"until_batch": end})
    return told, changed


def _is_due(memory: Memory | None, now: datetime) -> bool:
    return memory is None or memory.told_at is None or now - memory.told_at >= SAME_AFTER


def _read_counts(cursor: Cursor) -> list[Quarantined]:
    """By topic and kind of batch. The ledger counts; reasons are known of messages that nobody tried again since.

    A replay or retry tells what it put into quarantine: a letter that it refused as before still names its first batch.
    """
    reasons: defaultdict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    cursor.execute(_REASONS)
    for topic, kind, reason, count in cursor.fetchall():
        reasons[topic, kind][reason] = count
    cursor.execute(_COUNTS)
    found = [
        Quarantined(topic, kind, count, reasons[topic, kind], batch_id, tuple(run_ids))
        for topic, kind, count, batch_id, run_ids in cursor.fetchall()
    ]
    fresh = [one if one.batch_kind == "load" else replace(one, count=sum(one.reasons.values())) for one in found]
    return [one for one in fresh if one.count]
