create view trusted.q06_channels as
with charted as (
    select
        region_code,
        coalesce(channel_id, channel_title) as channel,
        video_id,
        count(*) as entries,
        min(rank) as best_rank,
        sum(rank) as ranks,
        max(view_count) as view_count,
        min(captured_at) as first_seen_at,
        max(captured_at) as last_seen_at
    from trusted.chart_entry
    where category_id = '0' and coalesce(channel_id, channel_title) is not null
    group by region_code, coalesce(channel_id, channel_title), video_id
),

everywhere as (
    select
        'all' as region_code,
        channel,
        video_id,
        sum(entries) as entries,
        min(best_rank) as best_rank,
        sum(ranks) as ranks,
        max(view_count) as view_count,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at
    from charted
    group by channel, video_id
),

channel as (
    select
        region_code,
        channel,
        sum(entries)::bigint as entries,
        count(*) as videos,
        min(best_rank) as best_rank,
        round(sum(ranks) / sum(entries), 1) as average_rank,
        sum(view_count)::bigint as view_count,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at
    from (
        select * from everywhere
        union all
        select * from charted
    ) as every_region
    group by region_code, channel
),

title as (
    select distinct on (coalesce(channel_id, channel_title))
        coalesce(channel_id, channel_title) as channel,
        channel_id,
        channel_title
    from processed.video
    where coalesce(channel_id, channel_title) is not null
    -- Videos of one reading can give a channel different titles: a tie must not be settled by chance.
    order by coalesce(channel_id, channel_title) asc, captured_at desc, channel_title asc, channel_id asc
)

select
    channel.region_code,
    rank() over (partition by channel.region_code order by channel.entries desc) as place,
    title.channel_title,
    channel.entries,
    channel.videos,
    channel.best_rank,
    channel.average_rank,
    channel.view_count,
    channel.first_seen_at,
    channel.last_seen_at,
    exists(
        select from processed.metric_epoch as epoch
        where epoch.effective_at > channel.first_seen_at and epoch.effective_at <= channel.last_seen_at
    ) as crosses_metric_epoch,
    title.channel_id
from channel
inner join title on channel.channel = title.channel
order by channel.region_code <> 'all', channel.region_code, place, channel.channel;

comment on view trusted.q06_channels is
'Which channels chart most? '
'One row a region and channel, and for region all one a channel; from processed.chart_entry (whole charts). '
'entries counts a video once a reading; view_count adds up the most that each video was seen with. '
'Channels of imported files without channel ids are told apart by their titles. '
'crosses_metric_epoch: in these days YouTube changed what a view or a chart is.';
