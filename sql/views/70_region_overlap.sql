create view trusted.region_overlap as
with charted as materialized (
    select distinct
        region_code,
        video_id
    from trusted.chart_entry
    where category_id = '0'
),

region as (
    select
        region_code,
        count(*) as videos
    from charted
    group by region_code
),

shared as (
    select
        one.region_code,
        other.region_code as other_region_code,
        count(*) as videos
    from charted as one
    inner join charted as other on one.video_id = other.video_id
    where one.region_code <> other.region_code
    group by one.region_code, other.region_code
)

select
    region.region_code,
    other.region_code as other_region_code,
    region.videos,
    coalesce(shared.videos, 0) as shared_videos,
    round(100.0 * coalesce(shared.videos, 0) / region.videos, 1) as shared_percent
from region
inner join region as other on region.region_code <> other.region_code
left join shared
    on
        region.region_code = shared.region_code
        and other.region_code = shared.other_region_code
order by region.region_code asc, shared_percent desc, other_region_code asc;

comment on view trusted.region_overlap is
'How alike are the charts of two regions? '
'One row an ordered pair of regions, from processed.chart_entry (whole charts): how many of the first region''s videos '
'charted in the other as well, at any time. Only compare regions that were read over the same days.';
