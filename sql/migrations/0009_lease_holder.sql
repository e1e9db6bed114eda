-- Who holds a topic and since when is hidden from other roles in pg_stat_activity, so whoever takes it writes it down.

alter table pipeline.lease
add column taken_at timestamptz,
add column process integer,
add column holder text;
comment on column pipeline.lease.taken_at is
'When the topic was taken last; whether it is still held, only its lock says.';
comment on column pipeline.lease.process is 'The server''s process that took it, as pg_locks names it.';
comment on column pipeline.lease.holder is 'The same in words: address, process, command and role.';
