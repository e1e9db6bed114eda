create view trusted.q07_regions as
with charted as (
    select
        video_id,
        region_code,
        min(captured_at) as entered_at,
        max(captured_at) as last_seen_at,
        min(rank) as best_rank
    from trusted.chart_entry
    where category_id = '0'
    group by video_id, region_code
),

video as (
    select
        video_id,
        count(*) as region_count,
        array_agg(region_code order by entered_at, region_code) as regions,
        array_agg(best_rank order by entered_at, region_code) as best_ranks,
        (array_agg(region_code order by best_rank, region_code))[1] as best_region,
        min(best_rank) as best_rank,
        min(entered_at) as entered_at,
        max(entered_at) as last_entered_at,
        max(last_seen_at) as last_seen_at
    from charted
    group by video_id
)

select
    record.title,
    video.region_count,
    video.best_rank,
    video.best_region,
    video.regions,
    video.entered_at,
    round(extract(epoch from video.last_entered_at - video.entered_at) / 3600, 1) as hours_to_last_region,
    video.last_seen_at,
    video.best_ranks,
    record.channel_title,
    video.video_id,
    exists(
        select from processed.metric_epoch as epoch
        where
            epoch.metric = 'chart'
            and epoch.effective_at > video.entered_at
            and epoch.effective_at <= video.last_seen_at
    ) as crosses_metric_epoch
from video
inner join processed.video as record on video.video_id = record.video_id
order by video.region_count desc, video.best_rank asc, video.video_id asc;

comment on view trusted.q07_regions is
'What differs between regions, and which videos chart in several? '
'One row a video, from processed.chart_entry (whole charts). regions are those whose chart held it, in the order it '
'entered them, and best_ranks its best rank in each; hours_to_last_region is how long it took from the first to the '
'last. trusted.region_overlap says how alike two regions are. '
'crosses_metric_epoch: in these days YouTube changed what a chart is.';
