-- Only a complete reading shows that a video has left: between two appearances of a video lie the complete readings
-- that did not hold it, and if there is one, a new stay begins.
create view trusted.chart_stay as
with appearance as (
    select
        entry.region_code,
        entry.category_id,
        entry.video_id,
        entry.captured_at,
        entry.rank,
        entry.view_count,
        reading.next_complete_at,
        reading.complete_until_here - reading.complete::integer - lag(reading.complete_until_here) over (
            partition by entry.region_code, entry.category_id, entry.video_id order by entry.captured_at
        ) as readings_missed
    from trusted.chart_entry as entry
    -- Every entry has its reading; from outside, because the planner then expects as many rows as there are.
    left join trusted.chart_reading as reading
        on
            entry.region_code = reading.region_code
            and entry.category_id = reading.category_id
            and entry.captured_at = reading.captured_at
),

numbered as (
    select
        *,
        1 + count(*) filter (where readings_missed > 0) over (
            partition by region_code, category_id, video_id order by captured_at
        ) as stay
    from appearance
),

stay as (
    select
        region_code,
        category_id,
        video_id,
        stay,
        count(*) as readings,
        min(captured_at) as entered_at,
        max(captured_at) as last_seen_at,
        min(rank) as best_rank,
        array_agg(rank order by captured_at) as ranks,
        array_agg(view_count order by captured_at) as view_counts,
        array_agg(next_complete_at order by captured_at) as next_complete_ats
    from numbered
    group by region_code, category_id, video_id, stay
)

select
    region_code,
    category_id,
    video_id,
    stay,
    entered_at,
    last_seen_at,
    next_complete_ats[readings] as left_at,
    readings,
    best_rank,
    ranks,
    view_counts[readings] - view_counts[1] as views_gained
from stay;

comment on view trusted.chart_stay is
'From when to when was a video on a chart? '
'One row a region, chart category, video and stay, from processed.chart_entry; a video that leaves and comes back '
'has two stays. left_at is the first complete reading without it, NULL while it is on the chart; '
'ranks are those of its readings, in order.';
