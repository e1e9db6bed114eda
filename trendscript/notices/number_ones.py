"""Number ones: charts and what is remembered of them go in, those that something new leads come out."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from trendscript.notices.memory import Memory
from trendscript.notices.news import NumberOne

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (psycopg2 spells its classes small)

    from trendscript.notices.news import Key

NEWS_FOR = timedelta(days=1)
"""What leads an older reading is remembered, and told to nobody: old files may be loaded at any time."""

# The two newest readings that trusted.current_chart may use, and what leads them. The view itself looks at the whole
# history of a chart, for when a video entered it; this looks at two readings.
_LEADERS = """
with chart as (
    select r.region_code, r.category_id, max(r.captured_at) as newest
    from processed.chart_reading as r
    group by r.region_code, r.category_id
)
select
    chart.region_code, chart.category_id, reading.captured_at, leader.video_id, video.title, video.channel_title,
    case when chart.category_id <> '0' then coalesce(category.title, 'category ' || chart.category_id) end
from chart
left join pipeline.notice as known
    on known.kind = 'number_one' and known.subject = chart.region_code || '/' || chart.category_id
cross join lateral (
    select r.captured_at
    from processed.chart_reading as r
    where r.region_code = chart.region_code and r.category_id = chart.category_id
        and (r.captured_at < now() - interval '1 hour' or r.size <= (
            select count(*) from processed.chart_entry as e
            where e.region_code = r.region_code and e.category_id = r.category_id and e.captured_at = r.captured_at
        ))
    order by r.captured_at desc
    limit 2
) as reading
cross join lateral (
    select e.video_id
    from processed.chart_entry as e
    where e.region_code = chart.region_code and e.category_id = chart.category_id
        and e.captured_at = reading.captured_at and e.rank = 1
    order by e.video_id
    limit 1
) as leader
left join processed.video as video on video.video_id = leader.video_id
left join trusted.video_category as category on category.category_id = chart.category_id
where known.subject is null or chart.newest > (known.facts ->> 'captured_at')::timestamptz
order by chart.region_code, chart.category_id, reading.captured_at desc
"""


def read_number_ones(
    cursor: Cursor, memories: Mapping[Key, Memory], now: datetime
) -> tuple[list[NumberOne], dict[Key, Memory]]:
    """What is to be told, and what changes in memory. A chart whose first entry is missing is left for later."""
    cursor.execute(_LEADERS)
    charts: dict[Key, list[NumberOne]] = {}
    for region, category_id, captured_at, video_id, title, channel, category in cursor.fetchall():
        leader = NumberOne(region, category, captured_at, video_id, title, channel)
        charts.setdefault(("number_one", f"{region}/{category_id}", ""), []).append(leader)
    told: list[NumberOne] = []
    changed: dict[Key, Memory] = {}
    for key, (newest, *earlier) in charts.items():
        before = _read_before(memories.get(key), earlier)
        if before not in (None, newest.video_id) and now - newest.captured_at <= NEWS_FOR:
            told.append(newest)
        facts = {"video_id": newest.video_id, "captured_at": newest.captured_at}
        changed[key] = Memory(now, facts=facts)
    return told, changed


def _read_before(memory: Memory | None, earlier: list[NumberOne]) -> str | None:
    """What led the chart before; None where there is nothing to compare with."""
    if memory is not None:
        return str(memory.facts["video_id"])
    return earlier[0].video_id if earlier else None
