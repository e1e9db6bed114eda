-- What is deleted for its age, so that the ledger's counts still add up; and which batches the lake holds.

create table pipeline.purge (
    purge_id bigint generated always as identity primary key,
    topic text not null references pipeline.topic (topic),
    older_than timestamptz not null,
    source text,
    after_batch bigint not null,
    tables jsonb not null,
    letters jsonb not null,
    requested_by text not null,
    purged_at timestamptz not null default now(),
    lake jsonb,
    finished_at timestamptz
);
comment on table pipeline.purge is
'A deletion of a topic''s rows, quarantined messages and messages in the lake that were older than a time.';
comment on column pipeline.purge.source is 'Only what came from this source; null for all.';
comment on column pipeline.purge.after_batch is 'The topic''s newest batch when it was done; 0 before the first.';
comment on column pipeline.purge.tables is
'By table, how many rows were deleted, and how many emptied to stubs because rows that stay point at them.';
comment on column pipeline.purge.letters is
'By topic id and partition, how many messages left quarantine, from which offset up to but without which.';
comment on column pipeline.purge.lake is
'What was emptied in the lake; null until that is done, and where there is no lake.';
comment on column pipeline.purge.finished_at is
'When the lake was done too. Until then the next purge of the topic goes on with it.';

alter table pipeline.batch add column in_lake boolean not null default false;
comment on column pipeline.batch.in_lake is
'Whether bronze holds all its messages; false for loads without a lake, and for what reads no Kafka.';
