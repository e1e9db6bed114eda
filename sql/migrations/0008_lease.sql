-- Who works on a topic holds an advisory lock, and every user of a database may take any such lock. The number of a
-- topic's lock is kept where analysts can't read it; one that a stranger holds is given up for another.

create table pipeline.lease (
    topic text primary key,
    key bigint not null
);
comment on table pipeline.lease is
'The advisory lock that whoever works on a topic holds, by its number; random, since everybody may take any lock.';
