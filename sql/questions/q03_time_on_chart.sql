create view trusted.q03_time_on_chart as
select
    stay.region_code,
    video.title,
    round(extract(epoch from stay.last_seen_at - stay.entered_at) / 3600, 1) as hours,
    stay.readings,
    stay.stay,
    stay.ranks[1] as first_rank,
    stay.best_rank,
    stay.ranks[stay.readings] as last_rank,
    stay.ranks[1] - stay.ranks[stay.readings] as ranks_climbed,
    stay.entered_at,
    stay.left_at,
    stay.last_seen_at,
    stay.views_gained,
    stay.ranks,
    exists(
        select from processed.metric_epoch as epoch
        where epoch.effective_at > stay.entered_at and epoch.effective_at <= stay.last_seen_at
    ) as crosses_metric_epoch,
    stay.category_id,
    video.channel_title,
    stay.video_id
from trusted.chart_stay as stay
inner join processed.video as video on stay.video_id = video.video_id
order by hours desc, stay.region_code asc, stay.category_id asc, stay.video_id asc, stay.stay asc;

comment on view trusted.q03_time_on_chart is
'How long does a video stay on the chart, and how does its rank move? '
'One row a region, chart category, video and stay, from processed.chart_entry: a video that leaves and comes back has '
'two stays. hours is from the first to the last reading that held it; left_at is the first complete reading without '
'it, NULL while it is on the chart; ranks are those of its readings, in order; ranks_climbed is positive for a climb. '
'crosses_metric_epoch: during the stay YouTube changed what a view or a chart is.';
