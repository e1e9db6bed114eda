create view trusted.video_category as
select distinct on (category_id)
    category_id,
    title
from processed.video_category
where title is not null
order by category_id asc, captured_at desc, region_code asc;

comment on view trusted.video_category is
'What is a category called? '
'One row a category, from processed.video_category: the newest title of any region.';
