-- Counts since the first load take long to sum over a long ledger; what can't change any more is summed once.

create table pipeline.batch_sums (
    topic text primary key references pipeline.topic (topic),
    until_batch bigint not null,
    sums jsonb not null
);
comment on table pipeline.batch_sums is
'What metrics count of a topic''s batches up to until_batch, all of which are committed or given up; safe to delete.';
