-- What operators decide: replays and retries, letters discarded, gaps accepted; each with who decided and why.

alter table pipeline.batch
add column source text not null default 'kafka' check (source in ('kafka', 'lake', 'quarantine')),
add column letter_reason text,
add column decided_by text,
add column why text;
comment on column pipeline.batch.source is
'Where its messages are read: Kafka, bronze, or pipeline.dead_letter. Whoever resumes the batch reads there too.';
comment on column pipeline.batch.letter_reason is
'Of a retry: only messages refused for this reason are tried again; null for all.';
comment on column pipeline.batch.decided_by is 'Who abandoned it; the reason is in why.';

alter table pipeline.dead_letter
add column decided_by text;
comment on column pipeline.dead_letter.decided_by is 'Who discarded it; the reason is in why.';

-- The end of a topic that is gone is not known; the same offsets can be lost, decided on, and lost again.
alter table pipeline.accepted_gap
alter column until_offset drop not null,
add column fault text check (fault in ('OffsetsExpired', 'PositionAhead', 'TopicRecreated', 'ClusterChanged')),
drop constraint accepted_gap_pkey,
add primary key (topic_id, partition, from_offset, decided_at);
comment on column pipeline.accepted_gap.until_offset is
'The first offset behind the gap; null where nobody knows it, as of a topic that was made anew.';
comment on column pipeline.accepted_gap.fault is
'What load refused: offsets that expired, a Kafka that ends before the position, another topic or cluster.';
