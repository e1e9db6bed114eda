-- Which transcript of a video is the best is said once, here, as an order: whoever else needs it asks for `preferred`.
-- It compares the few transcripts of one video, so that nobody who wants one video waits for all.
create view trusted.transcription as
select
    said.transcription_id,
    said.video_id,
    'https://youtu.be/' || said.video_id as url,
    coalesce(video.title, player.title) as title,
    coalesce(video.channel_id, player.channel_id) as channel_id,
    coalesce(video.channel_title, player.author) as channel_title,
    coalesce(video.published_at, player.published_at) as published_at,
    said.method,
    said.language,
    not exists (
        select from processed.transcription as other
        where
            other.video_id = said.video_id
            and other.status = 'transcribed'
            and other.language is not distinct from said.language
            and (
                case other.method when 'captions_manual' then 2 when 'speech' then 1 else 0 end,
                coalesce(other.timestamps, 'none') <> 'none',
                coalesce(cardinality(other.flags), 0) = 0,
                other.captured_at,
                other.transcription_id
            ) > (
                case said.method when 'captions_manual' then 2 when 'speech' then 1 else 0 end,
                coalesce(said.timestamps, 'none') <> 'none',
                coalesce(cardinality(said.flags), 0) = 0,
                said.captured_at,
                said.transcription_id
            )
    ) as preferred,
    not exists (
        select from processed.transcription as other
        where
            other.video_id = said.video_id
            and other.status = 'transcribed'
            and other.method = said.method
            and other.language is not distinct from said.language
            and (
                coalesce(other.timestamps, 'none') <> 'none',
                coalesce(cardinality(other.flags), 0) = 0,
                other.captured_at,
                other.transcription_id
            ) > (
                coalesce(said.timestamps, 'none') <> 'none',
                coalesce(cardinality(said.flags), 0) = 0,
                said.captured_at,
                said.transcription_id
            )
    ) as best_of_method,
    said.backend,
    said.model,
    said.model_revision,
    said.options,
    said.language_probability,
    said.timestamps,
    said.text,
    said.duration_seconds,
    said.speech_seconds,
    said.coverage,
    said.flags,
    said.processing_seconds,
    said.captured_at
from processed.transcription as said
left join processed.video as video on said.video_id = video.video_id
left join processed.player_details as player on said.video_id = player.video_id
where said.status = 'transcribed';

comment on view trusted.transcription is
'Which transcripts of a video are there, and which of them is the best? '
'One row a transcript, from processed.transcription; attempts that failed are in trusted.transcription_failure. '
'preferred is true for one transcript of each video and language: captions that somebody wrote come before speech, '
'speech before captions that YouTube made; then one with times, one without flags, and the newest. '
'best_of_method is true for one of each video, language and method, chosen the same way.';
