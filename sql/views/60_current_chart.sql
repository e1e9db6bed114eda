create view trusted.current_chart as
with usable as (
    select
        region_code,
        category_id,
        captured_at,
        size,
        complete,
        row_number() over (partition by region_code, category_id order by captured_at desc) as age
    from trusted.chart_reading
),

present as materialized (
    select
        reading.region_code,
        reading.category_id,
        reading.captured_at,
        reading.complete,
        reading.size,
        entry.rank,
        entry.video_id,
        entry.view_count,
        entry.like_count,
        entry.comment_count,
        earlier.captured_at as previous_at
    from usable as reading
    left join usable as earlier
        on reading.region_code = earlier.region_code and reading.category_id = earlier.category_id and earlier.age = 2
    inner join processed.chart_entry as entry
        on
            reading.region_code = entry.region_code
            and reading.category_id = entry.category_id
            and reading.captured_at = entry.captured_at
    where reading.age = 1
),

-- The stays of these videos alone: those of all videos there ever were would take as long as all history.
appearance as (
    select
        entry.region_code,
        entry.category_id,
        entry.video_id,
        entry.captured_at,
        entry.rank,
        present.previous_at,
        reading.complete_until_here - reading.complete::integer - lag(reading.complete_until_here) over (
            partition by entry.region_code, entry.category_id, entry.video_id order by entry.captured_at
        ) as readings_missed
    from present
    inner join trusted.chart_entry as entry
        on
            present.region_code = entry.region_code
            and present.category_id = entry.category_id
            and present.video_id = entry.video_id
    left join trusted.chart_reading as reading
        on
            entry.region_code = reading.region_code
            and entry.category_id = reading.category_id
            and entry.captured_at = reading.captured_at
),

past as materialized (
    select
        region_code,
        category_id,
        video_id,
        coalesce(max(captured_at) filter (where readings_missed > 0), min(captured_at)) as entered_at,
        max(rank) filter (where captured_at = previous_at) as previous_rank
    from appearance
    group by region_code, category_id, video_id
)

select
    present.region_code,
    present.category_id,
    present.captured_at,
    present.complete,
    present.rank,
    past.previous_rank,
    past.previous_rank - present.rank as rank_change,
    present.video_id,
    video.title,
    video.channel_id,
    video.channel_title,
    'https://youtu.be/' || present.video_id as url,
    past.entered_at,
    present.view_count,
    present.like_count,
    present.comment_count,
    present.size
from present
inner join past
    on
        present.region_code = past.region_code
        and present.category_id = past.category_id
        and present.video_id = past.video_id
inner join processed.video as video on present.video_id = video.video_id
order by present.region_code, present.category_id, present.rank;

comment on view trusted.current_chart is
'What is on the chart now, what climbed, and since when is it there? '
'One row a region, chart category and video of the newest reading that may be used: complete, or older than an hour '
'(complete = false). rank_change is positive for a climb, NULL for a video the reading before did not hold; '
'entered_at is the beginning of the present stay.';
