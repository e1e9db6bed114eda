-- Ranges of a batch commit apart, so for a moment a reading can lack entries. One still short after an hour
-- lacks them for good (a message was refused, say): it is shown, and marked.
create view trusted.chart_reading as
with entry as (
    select
        region_code,
        category_id,
        captured_at,
        count(*) as entries
    from processed.chart_entry
    group by region_code, category_id, captured_at
),

counted as (
    select
        reading.region_code,
        reading.category_id,
        reading.captured_at,
        reading.size,
        reading.source,
        coalesce(entry.entries, 0) as entries,
        coalesce(entry.entries, 0) >= reading.size as complete
    from processed.chart_reading as reading
    left join entry
        on
            reading.region_code = entry.region_code
            and reading.category_id = entry.category_id
            and reading.captured_at = entry.captured_at
)

select
    region_code,
    category_id,
    captured_at,
    size,
    source,
    entries,
    complete,
    count(*) filter (where complete) over (
        partition by region_code, category_id order by captured_at
    ) as complete_until_here,
    min(captured_at) filter (where complete) over (
        partition by region_code, category_id order by captured_at desc
        rows between unbounded preceding and 1 preceding
    ) as next_complete_at
from counted
where complete or captured_at < now() - interval '1 hour';

comment on view trusted.chart_reading is
'Which charts were read when, and did all their entries arrive? '
'One row a region, chart category and reading, from processed.chart_reading and processed.chart_entry. '
'A reading that still lacks entries after an hour has complete = false; a younger one is left out. '
'complete_until_here counts the complete readings of the chart up to and with this one.';
