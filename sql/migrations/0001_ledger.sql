-- What became of every message: the plan of each batch, the position of each partition, and rejects.

create table pipeline.sql_checksum (
    name text primary key,
    sha256 text not null,
    applied_at timestamptz not null default now()
);
comment on table pipeline.sql_checksum is
'Which SQL this database was made with: a row a migration, and one for the views.';

create table pipeline.topic (
    topic text primary key,
    cluster_id text not null,
    topic_id text not null,
    registered_at timestamptz not null default now()
);
comment on table pipeline.topic is
'The Kafka topics loaded here. topic_id and cluster_id tell a topic from one made anew under its name.';

create table pipeline.batch (
    batch_id bigint primary key,
    topic text not null references pipeline.topic (topic),
    topic_id text not null,
    cluster_id text not null,
    kind text not null check (kind in ('load', 'replay', 'retry')),
    state text not null default 'planned' check (state in ('planned', 'committed', 'abandoned')),
    planned_at timestamptz not null default now(),
    committed_at timestamptz,
    contract_version text not null,
    code_version text not null,
    requested_by text not null,
    check ((state = 'committed') = (committed_at is not null))
);
comment on table pipeline.batch is
'One planned run over a topic. Only a batch of kind load moves positions.';

-- Two planners can't both have a plan for a topic: the second resumes the first one's.
create unique index batch_planned_topic on pipeline.batch (topic)
where state = 'planned';

create table pipeline.batch_range (
    batch_id bigint not null references pipeline.batch (batch_id),
    partition integer not null,
    from_offset bigint not null,
    until_offset bigint not null,
    committed_at timestamptz,
    attempt text,
    read bigint,
    accepted bigint,
    quarantined bigint,
    skipped bigint,
    tables jsonb,
    seconds jsonb,
    primary key (batch_id, partition),
    check (until_offset > from_offset),
    check (read = accepted + quarantined),
    check (skipped = until_offset - from_offset - read)
);
comment on table pipeline.batch_range is
'One partition''s part of a batch, from_offset up to but without until_offset. '
'It is committed in the transaction that writes its rows, rejects and position.';

create table pipeline.position (
    topic text not null references pipeline.topic (topic),
    topic_id text not null,
    partition integer not null,
    next_offset bigint not null,
    updated_at timestamptz not null default now(),
    primary key (topic_id, partition)
);
comment on table pipeline.position is
'The first offset of a partition that has not been loaded.';

create table pipeline.dead_letter (
    topic_id text not null,
    partition integer not null,
    "offset" bigint not null,
    topic text not null,
    batch_id bigint not null,
    reason text not null,
    message_key bytea,
    message_value bytea,
    headers jsonb,
    message_timestamp timestamptz,
    state text not null default 'open' check (state in ('open', 'closed', 'discarded')),
    first_seen_at timestamptz not null default now(),
    closed_at timestamptz,
    closed_by_batch bigint,
    why text,
    primary key (topic_id, partition, "offset"),
    check ((state = 'open') = (closed_at is null))
);
comment on table pipeline.dead_letter is
'Messages that the contract refused, byte for byte, with the first reason as code:column.';

create table pipeline.accepted_gap (
    topic text not null,
    topic_id text not null,
    partition integer not null,
    from_offset bigint not null,
    until_offset bigint not null,
    decided_by text not null,
    why text not null,
    decided_at timestamptz not null default now(),
    primary key (topic_id, partition, from_offset),
    check (until_offset > from_offset)
);
comment on table pipeline.accepted_gap is
'Offsets that can''t be loaded any more, which an operator decided to leave out, and why.';
