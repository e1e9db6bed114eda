create view trusted.q01_categories as
with charted as (
    select
        region_code,
        video_category_id as category_id,
        video_id,
        count(*) as entries,
        max(view_count) as view_count,
        min(captured_at) as first_seen_at,
        max(captured_at) as last_seen_at
    from trusted.chart_entry
    where category_id = '0' and video_category_id is not null
    group by region_code, video_category_id, video_id
),

-- A video that charts in several regions draws its views once.
everywhere as (
    select
        'all' as region_code,
        category_id,
        video_id,
        sum(entries) as entries,
        max(view_count) as view_count,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at
    from charted
    group by category_id, video_id
),

category as (
    select
        region_code,
        category_id,
        sum(entries)::bigint as entries,
        count(*) as videos,
        sum(view_count)::bigint as view_count,
        percentile_disc(0.5) within group (order by view_count) as median_view_count,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at
    from (
        select * from everywhere
        union all
        select * from charted
    ) as every_region
    group by region_code, category_id
)

select
    category.region_code,
    rank() over (partition by category.region_code order by category.entries desc) as place,
    title.title as category_title,
    category.entries,
    round(100 * category.entries / sum(category.entries) over (partition by category.region_code), 1)
        as entries_percent,
    category.videos,
    category.view_count,
    round(100 * category.view_count / sum(category.view_count) over (partition by category.region_code), 1)
        as view_count_percent,
    category.median_view_count,
    category.first_seen_at,
    category.last_seen_at,
    exists(
        select from processed.metric_epoch as epoch
        where epoch.effective_at > category.first_seen_at and epoch.effective_at <= category.last_seen_at
    ) as crosses_metric_epoch,
    category.category_id
from category
left join trusted.video_category as title on category.category_id = title.category_id
order by category.region_code <> 'all', category.region_code, place, category.category_id;

comment on view trusted.q01_categories is
'Which categories chart most often, and which draw most views? '
'One row a region and category of video, and for region all one a category; from processed.chart_entry (whole charts). '
'A video counts once a reading in entries and once in videos and view_count, which is the most it was seen with. '
'crosses_metric_epoch: in these days YouTube changed what a view or a chart is.';
