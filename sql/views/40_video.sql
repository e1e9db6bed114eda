create view trusted.video as
with counted as (
    select
        video_id,
        captured_at,
        view_count,
        like_count,
        comment_count
    from processed.video_statistics
    union all
    select
        video_id,
        captured_at,
        view_count,
        like_count,
        comment_count
    from processed.chart_entry
),

latest as (
    select distinct on (video_id) *
    from counted
    -- Charts of two regions can be read at the same time with different counts: a tie must not be settled by chance.
    order by
        video_id asc,
        captured_at desc,
        view_count desc nulls last,
        like_count desc nulls last,
        comment_count desc nulls last
),

absence as (
    select
        video_id,
        max(captured_at) as captured_at
    from processed.video_absence
    group by video_id
)

select
    video.video_id,
    'https://youtu.be/' || video.video_id as url,
    coalesce(video.title, player.title) as title,
    coalesce(video.channel_id, player.channel_id) as channel_id,
    coalesce(video.channel_title, player.author) as channel_title,
    coalesce(video.published_at, player.published_at) as published_at,
    video.category_id,
    category.title as category_title,
    coalesce(
        video.duration_seconds, player.duration_seconds, round(audio.duration_seconds)::bigint
    ) as duration_seconds,
    latest.view_count,
    latest.like_count,
    latest.comment_count,
    latest.captured_at as counted_at,
    case
        when absence.captured_at > coalesce(video.captured_at, player.captured_at) then absence.captured_at
    end as missing_at,
    exists(
        select from processed.transcription as said
        where said.video_id = video.video_id and said.status = 'transcribed'
    ) as transcribed,
    audio.language as audio_language,
    video.description,
    coalesce(video.tags, player.keywords) as tags,
    video.default_language,
    video.default_audio_language,
    video.live_broadcast_content,
    video.definition,
    video.caption,
    video.license,
    video.made_for_kids,
    video.contains_synthetic_media,
    video.has_paid_product_placement,
    video.privacy_status,
    video.region_allowed,
    video.region_blocked,
    video.topic_categories,
    video.thumbnail_url,
    coalesce(video.source, player.source) as source,
    coalesce(video.captured_at, player.captured_at) as captured_at
from processed.video as video
left join processed.player_details as player on video.video_id = player.video_id
left join processed.audio_format as audio on video.video_id = audio.video_id
left join latest on video.video_id = latest.video_id
left join trusted.video_category as category on video.category_id = category.category_id
left join absence on video.video_id = absence.video_id
where video.captured_at is not null or player.captured_at is not null;

comment on view trusted.video is
'What is known of a video, with its newest counts and the name of its category? '
'One row a video, from processed.video and processed.player_details: what its record does not have is the player''s, '
'and a video without a record, which was never on a chart, is the player''s alone. source and captured_at are the '
'record''s where there is one. Counts are of counted_at, from charts or looks at the video, the later one. '
'missing_at is set when YouTube did not return the video after its record was captured; '
'transcribed, when what is said in it is in trusted.speech; audio_language is that of its sound as YouTube names it.';
