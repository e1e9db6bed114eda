-- Only readings of the last hour need counting. Videos are joined from outside: a query that asks for none of
-- their columns doesn't touch them.
create view trusted.chart_entry as
with unfinished as (
    select
        reading.region_code,
        reading.category_id,
        reading.captured_at
    from processed.chart_reading as reading
    left join processed.chart_entry as entry
        on
            reading.region_code = entry.region_code
            and reading.category_id = entry.category_id
            and reading.captured_at = entry.captured_at
    where reading.captured_at >= now() - interval '1 hour'
    group by reading.region_code, reading.category_id, reading.captured_at, reading.size
    having count(entry.video_id) < reading.size
)

select
    entry.region_code,
    entry.category_id,
    entry.captured_at,
    entry.rank,
    entry.video_id,
    video.title,
    video.channel_id,
    video.channel_title,
    video.category_id as video_category_id,
    video.published_at,
    entry.view_count,
    entry.like_count,
    entry.dislike_count,
    entry.comment_count,
    entry.concurrent_viewers,
    entry.source
from processed.chart_entry as entry
left join processed.video as video on entry.video_id = video.video_id
where
    not exists (
        select from unfinished
        where
            unfinished.region_code = entry.region_code
            and unfinished.category_id = entry.category_id
            and unfinished.captured_at = entry.captured_at
    );

comment on view trusted.chart_entry is
'What stood where on which chart, reading by reading, and with which counts? '
'One row a region, chart category, reading and video, from processed.chart_entry, without readings of the last hour '
'whose entries have not all arrived; titles are the newest known, counts those at the reading.';
