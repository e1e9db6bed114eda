-- The dates on which YouTube changed what a number means. A comparison across one compares unlike things.

create table processed.metric_epoch (
    metric text not null,
    scope text not null,
    effective_at timestamptz not null,
    what_changed text not null,
    announced_on date not null,
    source_url text not null,
    primary key (metric, scope, effective_at)
);
comment on table processed.metric_epoch is
'The dates on which YouTube changed what a number means.';
comment on column processed.metric_epoch.metric is
'What changed: view_count, or chart for the choice of videos on the mostPopular chart.';
comment on column processed.metric_epoch.scope is 'Which videos it concerns: all, or shorts.';
comment on column processed.metric_epoch.effective_at is
'The beginning of the day it took effect in Pacific time; YouTube named a day, not an hour.';
comment on column processed.metric_epoch.announced_on is 'Date of the entry in the source that says so.';

insert into processed.metric_epoch (metric, scope, effective_at, what_changed, announced_on, source_url)
values
(
    'view_count',
    'shorts',
    '2025-03-31 00:00 America/Los_Angeles',
    'Views of Shorts count every start and replay, with no minimum watch time.',
    '2025-03-26',
    'https://developers.google.com/youtube/v3/revision_history'
),
(
    'chart',
    'all',
    '2025-07-21 00:00 America/Los_Angeles',
    'The mostPopular chart holds videos of the Trending Music, Movies and Gaming charts, no longer the Trending page.',
    '2025-07-10',
    'https://developers.google.com/youtube/v3/revision_history'
),
(
    'view_count',
    'all',
    '2026-08-24 00:00 America/Los_Angeles',
    'Public views of every format are counted when playback starts.',
    '2026-08-27',
    'https://developers.google.com/youtube/analytics/revision_history'
);
