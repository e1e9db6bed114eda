create view trusted.transcription_failure as
select
    failed.video_id,
    'https://youtu.be/' || failed.video_id as url,
    coalesce(video.title, player.title) as title,
    coalesce(video.channel_id, player.channel_id) as channel_id,
    coalesce(video.channel_title, player.author) as channel_title,
    failed.reason,
    failed.detail,
    failed.captured_at as failed_at,
    exists(
        select from processed.transcription as other
        where other.video_id = failed.video_id and other.status = 'transcribed'
    ) as transcribed_before,
    failed.method,
    failed.backend,
    failed.model,
    failed.transcription_id
from processed.transcription as failed
left join processed.video as video on failed.video_id = video.video_id
left join processed.player_details as player on failed.video_id = player.video_id
where
    failed.status = 'failed'
    and not exists (
        select from processed.transcription as later
        where
            later.video_id = failed.video_id
            and (later.captured_at, later.transcription_id) > (failed.captured_at, failed.transcription_id)
    );

comment on view trusted.transcription_failure is
'Which videos could not be transcribed, and why? '
'One row a video whose last attempt failed, from processed.transcription. transcribed_before is true where an earlier '
'attempt gave a transcript, which is still there.';
