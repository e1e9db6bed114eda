-- What is said in videos: requests, the audio that is there, transcriptions and their segments, and how they are
-- searched. Columns are those of the contracts; search_vector is made by the database.

-- PostgreSQL's own configurations leave stop words out, so the phrase "let it be" would be "let" and any two words.
-- Ours stem as they do and keep every word; docs/adr/0008-search-of-speech.md has what that costs.
do $$
declare
    name text;
begin
    foreach name in array array[
        'english', -- first, for the others' ASCII words
        'arabic', 'armenian', 'basque', 'catalan', 'danish', 'dutch', 'finnish', 'french', 'german', 'greek', 'hindi',
        'hungarian', 'indonesian', 'irish', 'italian', 'lithuanian', 'nepali', 'norwegian', 'portuguese', 'romanian',
        'russian', 'serbian', 'spanish', 'swedish', 'tamil', 'turkish', 'yiddish'
    ] loop
        execute format(
            'create text search dictionary processed.%I (template = pg_catalog.snowball, language = %I)',
            name || '_words', name
        );
        execute format('create text search configuration processed.%1$I (copy = pg_catalog.%1$I)', name);
        execute format(
            'alter text search configuration processed.%I alter mapping replace pg_catalog.%I with processed.%I',
            name, name || '_stem', name || '_words'
        );
        execute format(
            'alter text search configuration processed.%I '
            'alter mapping replace pg_catalog.english_stem with processed.english_words',
            name
        );
    end loop;
end
$$;

-- The configuration of full text search for an ISO 639-1 code; 'simple' splits words and stems none.
-- Immutable, as a generated column asks: which language is which never changes.
create function processed.text_config(language text) returns regconfig
language sql immutable parallel safe
return case language
    when 'ar' then 'processed.arabic'::regconfig
    when 'ca' then 'processed.catalan'::regconfig
    when 'da' then 'processed.danish'::regconfig
    when 'de' then 'processed.german'::regconfig
    when 'el' then 'processed.greek'::regconfig
    when 'en' then 'processed.english'::regconfig
    when 'es' then 'processed.spanish'::regconfig
    when 'eu' then 'processed.basque'::regconfig
    when 'fi' then 'processed.finnish'::regconfig
    when 'fr' then 'processed.french'::regconfig
    when 'ga' then 'processed.irish'::regconfig
    when 'hi' then 'processed.hindi'::regconfig
    when 'hu' then 'processed.hungarian'::regconfig
    when 'hy' then 'processed.armenian'::regconfig
    when 'id' then 'processed.indonesian'::regconfig
    when 'it' then 'processed.italian'::regconfig
    when 'lt' then 'processed.lithuanian'::regconfig
    when 'ne' then 'processed.nepali'::regconfig
    when 'nl' then 'processed.dutch'::regconfig
    when 'no' then 'processed.norwegian'::regconfig
    when 'pt' then 'processed.portuguese'::regconfig
    when 'ro' then 'processed.romanian'::regconfig
    when 'ru' then 'processed.russian'::regconfig
    when 'sr' then 'processed.serbian'::regconfig
    when 'sv' then 'processed.swedish'::regconfig
    when 'ta' then 'processed.tamil'::regconfig
    when 'tr' then 'processed.turkish'::regconfig
    when 'yi' then 'processed.yiddish'::regconfig
    else 'pg_catalog.simple'::regconfig
end;

-- A text as its words are found in it, whatever the locale of the database: one form of each character, apostrophes
-- straight, invisible characters gone, punctuation beyond ASCII as spaces. Characters of scripts that put no space
-- between words (Han, Kana, Thai, Lao, Burmese, Khmer) or grow words by endings (Hangul) become words of their own,
-- so that a word of such a language is a phrase of its characters.
-- Of more than 100,000 characters the rest is left out: a tsvector ends at 1 MB, and a load must not fail for it.
create function processed.search_text(words text) returns text
language sql immutable parallel safe
return left(
    case
        when octet_length(words) = char_length(words) then words else
            regexp_replace(
                regexp_replace(
                    regexp_replace(
                        translate(normalize(words, nfkc), '’ʼ', ''''''),
                        '[\u00ad\u0640\u064b-\u0652\u200b-\u200f\u202a-\u202e\u2060-\u206f'
                        '\ufe00-\ufe0f\ufeff\ue000-\uf8ff]',
                        '',
                        'g'
                    ),
                    '[\u0080-\u00a9\u00ab-\u00b4\u00b6-\u00b9\u00bb-\u00bf\u00d7\u00f7\u055a-\u055f\u0589'
                    '\u060c\u061b\u061f\u066a-\u066d\u06d4\u0964\u0965\u1361-\u1368\u2010-\u206f\u20a0-\u2bff'
                    '\u3001-\u3004\u3008-\u3030\u303d-\u303f\u30fb\U0001f000-\U0001faff]',
                    ' ',
                    'g'
                ),
                '([\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff'
                '\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003fffd])',
                ' \1 ',
                'g'
            )
    end,
    100000
);

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
    search_vector tsvector generated always as (
        to_tsvector(processed.text_config(language), processed.search_text(text))
    ) stored,
    primary key (transcription_id, position)
);

create index transcription_request_video on processed.transcription_request (video_id);
create index transcription_video on processed.transcription (video_id);
-- Words that many sentences hold are looked for in the newest transcripts first.
create index transcription_captured on processed.transcription (captured_at, transcription_id);
-- Transcripts without times have no segments to search.
create index transcription_search on processed.transcription using gin (
    to_tsvector(processed.text_config(language), processed.search_text(text))
)
where timestamps = 'none';
-- Which languages there are.
create index transcription_without_times on processed.transcription (language)
where timestamps = 'none';
create index transcript_segment_language on processed.transcript_segment (language);
create index transcript_segment_search on processed.transcript_segment using gin (search_vector);
-- For misspellings.
create index transcript_segment_trigrams on processed.transcript_segment using gin (text public.gin_trgm_ops);
-- The charts that a video has been in.
create index chart_entry_video on processed.chart_entry (video_id, region_code);
