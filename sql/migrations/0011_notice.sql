-- What people were told, so that nobody is told twice and nothing is left out, whoever tells and from which machine.

create table pipeline.notice (
    kind text not null check (kind in ('failure', 'quarantine', 'number_one', 'stale')),
    subject text not null,
    detail text not null default '',
    since timestamptz not null,
    told_at timestamptz,
    ended_at timestamptz,
    facts jsonb not null default '{}',
    primary key (kind, subject, detail)
);
comment on table pipeline.notice is
'What notices were sent about: troubles by command or region, quarantine by topic, the number one of each chart.';
comment on column pipeline.notice.subject is
'What it is about: a command with its topic or regions; a topic; a region; a region and a category.';
comment on column pipeline.notice.detail is 'The name of a failure, or the reason of a quarantine.';
comment on column pipeline.notice.since is 'When it was noticed, the last time it began.';
comment on column pipeline.notice.told_at is 'When somebody was last told; null where that was not worth it.';
comment on column pipeline.notice.ended_at is 'When a failure or staleness was over; null while it lasts.';
comment on column pipeline.notice.facts is
'Up to which batch a topic''s quarantine was told; which video was number one, at which reading.';
