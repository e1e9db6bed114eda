-- What is said in videos: requests, the audio that is there, transcriptions and their segments, and how they are
-- searched. Columns are those of the contracts; search_vector is made by the database.

-- The configuration of PostgreSQL's full text search for an ISO 639-1 code; 'simple' splits words and stems none.
-- Immutable, as a generated column asks: which language is which never changes.
create function processed.text_config(language text) returns regconfig
language sql immutable parallel safe
return case language
    when 'ar' then 'pg_catalog.arabic'::regconfig
    when 'ca' then 'pg_catalog.catalan'::regconfig
    when 'da' then 'pg_catalog.danish'::regconfig
    when 'de' then 'pg_catalog.german'::regconfig
    when 'el' then 'pg_catalog.greek'::regconfig
    when 'en' then 'pg_catalog.english'::regconfig
    when 'es' then 'pg_catalog.spanish'::regconfig
    when 'eu' then 'pg_catalog.basque'::regconfig
    when 'fi' then 'pg_catalog.finnish'::regconfig
    when 'fr' then 'pg_catalog.french'::regconfig
    when 'ga' then 'pg_catalog.irish'::regconfig
    when 'hi' then 'pg_catalog.hindi'::regconfig
    when 'hu' then 'pg_catalog.hungarian'::regconfig
    when 'hy' then 'pg_catalog.armenian'::regconfig
    when 'id' then 'pg_catalog.indonesian'::regconfig
    when 'it' then 'pg_catalog.italian'::regconfig
    when 'lt' then 'pg_catalog.lithuanian'::regconfig
    when 'ne' then 'pg_catalog.nepali'::regconfig
    when 'nl' then 'pg_catalog.dutch'::regconfig
    when 'no' then 'pg_catalog.norwegian'::regconfig
    when 'pt' then 'pg_catalog.portuguese'::regconfig
    when 'ro' then 'pg_catalog.romanian'::regconfig
    when 'ru' then 'pg_catalog.russian'::regconfig
    when 'sr' then 'pg_catalog.serbian'::regconfig
    when 'sv' then 'pg_catalog.swedish'::regconfig
    when 'ta' then 'pg_catalog.tamil'::regconfig
    when 'tr' then 'pg_catalog.turkish'::regconfig
    when 'yi' then 'pg_catalog.yiddish'::regconfig
    else 'pg_catalog.simple'::regconfig
end;

create table processed.transcription_request (
    request_id text not null,
    video_id text not null references processed.video (video_id),
    captured_at timestamptz not null,
    model text,
    again boolean not null,
    reason text not null,
    source text not null,
    row_digest bytea not null,
    source_partition integer not null,
    source_offset bigint not null,
    batch_id bigint not null,
    primary key (request_id)
);

create table processed.audio_format (
    video_id text not null references processed.video (video_id),
    itag integer,
    mime_type text,
    codec text,
    bytes bigint,
    duration_seconds double precision,
    language text,
    captured_at timestamptz not null,
    source text not null,
    row_digest bytea not null,
    source_partition integer not null,
    source_offset bigint not null,
    batch_id bigint not null,
    primary key (video_id)
) with (fillfactor = 90);

create table processed.player_details (
    video_id text not null references processed.video (video_id),
    title text,
    author text,
    channel_id text,
    duration_seconds bigint,
    published_at timestamptz,
    keywords text[],
    captured_at timestamptz not null,
    source text not null,
    row_digest bytea not null,
    source_partition integer not null,
    source_offset bigint not null,
    batch_id bigint not null,
    primary key (video_id)
) with (fillfactor = 90);

create table processed.transcription (
    transcription_id text not null,
    video_id text not null references processed.video (video_id),
    request_id text,
    method text not null,
    status text not null,
    reason text,
    detail text,
    backend text,
    model text,
    model_revision text,
    options jsonb,
    language text,
    language_probability double precision,
    timestamps text,
    text text,
    duration_seconds double precision,
    speech_seconds double precision,
    coverage double precision,
    flags text[],
    audio_sha256 text,
    audio_bytes bigint,
    audio_itag integer,
    processing_seconds double precision,
    captured_at timestamptz not null,
    source text not null,
    row_digest bytea not null,
    source_partition integer not null,
    source_offset bigint not null,
    batch_id bigint not null,
    primary key (transcription_id)
) with (fillfactor = 90);

create table processed.transcript_segment (
    transcription_id text not null references processed.transcription (transcription_id),
    position integer not null,
    start_seconds double precision not null,
    end_seconds double precision not null,
    text text not null,
    language text,
    avg_logprob double precision,
    no_speech_prob double precision,
    compression_ratio double precision,
    temperature double precision,
    words jsonb,
    flags text[],
    row_digest bytea not null,
    source_partition integer not null,
    source_offset bigint not null,
    batch_id bigint not null,
    search_vector tsvector generated always as (to_tsvector(processed.text_config(language), text)) stored,
    primary key (transcription_id, position)
);

create index transcription_request_video on processed.transcription_request (video_id);
create index transcription_video on processed.transcription (video_id);
create index transcript_segment_search on processed.transcript_segment using gin (search_vector);
-- For misspellings, and for languages that put no space between words.
create index transcript_segment_trigrams on processed.transcript_segment using gin (text public.gin_trgm_ops);
