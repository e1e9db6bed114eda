create view trusted.q08_growth as
with counted as (
    select
        region_code,
        category_id,
        video_id,
        captured_at,
        rank,
        view_count,
        like_count
    from trusted.chart_entry
    union all
    select
        null as region_code,
        null as category_id,
        video_id,
        captured_at,
        null as rank,
        view_count,
        like_count
    from processed.video_statistics
),

compared as (
    select
        *,
        lag(captured_at) over earlier as previous_at,
        lag(view_count) over earlier as previous_view_count,
        lag(like_count) over earlier as previous_like_count
    from counted
    window earlier as (partition by region_code, category_id, video_id order by captured_at)
),

growth as (
    select
        *,
        extract(epoch from captured_at - previous_at) / 3600 as hours
    from compared
    where previous_at is not null
)

select
    video.title,
    growth.region_code,
    growth.captured_at,
    round(growth.hours, 1) as hours,
    growth.view_count - growth.previous_view_count as views_gained,
    round((growth.view_count - growth.previous_view_count) / growth.hours) as views_per_hour,
    growth.like_count - growth.previous_like_count as likes_gained,
    round((growth.like_count - growth.previous_like_count) / growth.hours) as likes_per_hour,
    growth.view_count,
    growth.rank,
    epoch.what_changed is not null as crosses_metric_epoch,
    epoch.what_changed,
    growth.previous_at,
    growth.category_id,
    video.channel_title,
    growth.video_id
from growth
inner join processed.video as video on growth.video_id = video.video_id
-- YouTube lets a Short be three minutes long.
left join lateral (
    select string_agg(metric_epoch.what_changed, ' ' order by metric_epoch.effective_at asc) as what_changed
    from processed.metric_epoch
    where
        metric_epoch.metric = 'view_count'
        and (metric_epoch.scope = 'all' or video.duration_seconds <= 180)
        and growth.previous_at < metric_epoch.effective_at
        and growth.captured_at >= metric_epoch.effective_at
) as epoch on true
order by views_per_hour desc nulls last, growth.video_id asc, growth.captured_at asc;

comment on view trusted.q08_growth is
'How many views and likes an hour does a video gain between readings? '
'One row a region, chart category, video and reading that follows another that held the video, from '
'processed.chart_entry; looks at the video itself, from processed.video_statistics, have region_code NULL. '
'A count that is hidden in either reading gives NULL. crosses_metric_epoch: between the two readings YouTube changed '
'what a view is (what_changed says how), so the gain is no growth.';
