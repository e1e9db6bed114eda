-- The history of charts is looked up by index, video by video, and not at all by who asks for none of its columns.
create view trusted.speech as
with sentence as (
    select
        segment.transcription_id,
        segment.position,
        segment.start_seconds,
        segment.end_seconds,
        segment.text,
        segment.language,
        segment.flags,
        segment.avg_logprob,
        segment.no_speech_prob,
        segment.compression_ratio
    from processed.transcript_segment as segment
    union all
    -- A transcript without times: some models give text only.
    select
        whole.transcription_id,
        0 as position,
        null as start_seconds,
        null as end_seconds,
        whole.text,
        whole.language,
        whole.flags,
        null as avg_logprob,
        null as no_speech_prob,
        null as compression_ratio
    from processed.transcription as whole
    where
        whole.status = 'transcribed'
        and whole.timestamps = 'none'
        and whole.text <> ''
        and not exists (
            select from processed.transcript_segment as segment
            where segment.transcription_id = whole.transcription_id
        )
)

select
    said.video_id,
    said.title,
    said.channel_id,
    said.channel_title,
    said.published_at,
    chart.region_codes,
    chart.first_charted_at,
    chart.best_rank,
    sentence.start_seconds,
    sentence.end_seconds,
    sentence.text,
    said.url || coalesce('?t=' || floor(sentence.start_seconds)::bigint, '') as url,
    sentence.language,
    said.method,
    said.model,
    said.preferred,
    sentence.flags is not null and sentence.flags <> '{}' as doubtful,
    sentence.flags,
    sentence.avg_logprob,
    sentence.no_speech_prob,
    sentence.compression_ratio,
    said.captured_at as transcribed_at,
    sentence.transcription_id,
    sentence.position
from sentence
inner join trusted.transcription as said on sentence.transcription_id = said.transcription_id
left join lateral (
    select
        array_agg(distinct entry.region_code order by entry.region_code) as region_codes,
        min(entry.captured_at) as first_charted_at,
        min(entry.rank) as best_rank
    from processed.chart_entry as entry
    where entry.video_id = said.video_id
) as chart on true;

comment on view trusted.speech is
'What is said in which video, and at which second? '
'One row a sentence or so of a transcript, from processed.transcript_segment; a transcript without times is one row, '
'its start_seconds NULL. preferred picks one transcript of each video and language (see trusted.transcription): '
'without it a sentence stands there once a transcript. doubtful is true where the sentence may be made up or wrong; '
'flags say why. url leads to the second. region_codes, first_charted_at and best_rank are of all charts that the '
'video has been in, NULL if it never was in one. '
'To find words, use `trendscript search`, or here: where text ilike ''%words%''.';
