-- Whose log lines tell of a batch, and how long its steps took; and what keeps metrics quick over a long ledger.

alter table pipeline.batch
add column run_id text,
add column seconds jsonb;
comment on column pipeline.batch.run_id is
'The process that planned it, as run_id stands in its log lines. Who resumes it later logs the same batch_id.';
comment on column pipeline.batch.seconds is
'Seconds by step of the attempt that committed it; those within a range''s transaction are in batch_range.seconds.';

create index batch_of_topic on pipeline.batch (topic, batch_id);
create index dead_letter_open on pipeline.dead_letter (topic)
where state = 'open';
