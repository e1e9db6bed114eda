-- Charts name channels that nobody has looked at, and a channel's title may be newer in a video's record.
create view trusted.channel as
with record as (
    select
        channel_id,
        title,
        captured_at
    from processed.channel
    where captured_at is not null
    union all
    select
        channel_id,
        channel_title as title,
        captured_at
    from processed.video
    where channel_id is not null
    union all
    select
        channel_id,
        author as title,
        captured_at
    from processed.player_details
    where channel_id is not null
),

named as (
    select distinct on (channel_id)
        channel_id,
        title
    from record
    where title is not null
    order by channel_id asc, captured_at desc, title asc
),

known as (
    select
        coalesce(video.channel_id, player.channel_id) as channel_id,
        count(*) as videos_known
    from processed.video as video
    left join processed.player_details as player on video.video_id = player.video_id
    group by coalesce(video.channel_id, player.channel_id)
),

latest as (
    select distinct on (channel_id) *
    from processed.channel_statistics
    order by channel_id asc, captured_at desc
)

select
    named.channel_id,
    'https://www.youtube.com/channel/' || named.channel_id as url,
    named.title,
    channel.custom_url,
    channel.country,
    channel.published_at,
    case when not coalesce(latest.hidden_subscriber_count, false) then latest.subscriber_count end as subscriber_count,
    latest.hidden_subscriber_count,
    latest.view_count,
    latest.video_count,
    latest.captured_at as counted_at,
    coalesce(known.videos_known, 0) as videos_known,
    channel.description,
    channel.keywords,
    channel.default_language,
    channel.topic_categories,
    channel.made_for_kids,
    channel.thumbnail_url,
    channel.captured_at
from named
left join processed.channel as channel on named.channel_id = channel.channel_id
left join known on named.channel_id = known.channel_id
left join latest on named.channel_id = latest.channel_id;

comment on view trusted.channel is
'What is known of a channel, with its newest counts? '
'One row a channel that a record names, from processed.channel, processed.video and processed.player_details; the '
'title is that of the newest of them. captured_at is NULL where nobody has looked at the channel itself. '
'subscriber_count is NULL where it is hidden.';
