-- The tables of the contracts, column by column. row_digest is a hash of the contract's columns; source_partition,
-- source_offset and batch_id lead from a row to the message it came from.
--
-- No unique index but the key, on any table that is merged into: SET never names a key column, so foreign keys'
-- share locks can't deadlock. Tables of the newest version leave room on a page for updates in place.
-- Columns of video and channel may be null beyond their key because a row can be a stub.

create table processed.video (
    video_id text not null,
    channel_id text,
    channel_title text,
    title text,
    description text,
    published_at timestamptz,
    category_id text,
    tags text[],
    default_language text,
    default_audio_language text,
    live_broadcast_content text,
    duration_seconds bigint,
    dimension text,
    definition text,
    caption boolean,
    licensed_content boolean,
    projection text,
    content_rating jsonb,
    region_allowed text[],
    region_blocked text[],
    upload_status text,
    privacy_status text,
    license text,
    embeddable boolean,
    public_stats_viewable boolean,
    made_for_kids boolean,
    contains_synthetic_media boolean,
    topic_categories text[],
    scheduled_start_at timestamptz,
    scheduled_end_at timestamptz,
    actual_start_at timestamptz,
    actual_end_at timestamptz,
    recording_date timestamptz,
    thumbnail_url text,
    localizations jsonb,
    has_paid_product_placement boolean,
    source text,
    captured_at timestamptz,
    row_digest bytea,
    source_partition integer,
    source_offset bigint,
    batch_id bigint,
    primary key (video_id),
    check (captured_at is null or (source is not null and row_digest is not null))
) with (fillfactor = 90);

create table processed.chart_entry (
    region_code text not null,
    category_id text not null,
    captured_at timestamptz not null,
    video_id text not null references processed.video (video_id),
    rank integer not null,
    view_count bigint,
    like_count bigint,
    dislike_count bigint,
    comment_count bigint,
    concurrent_viewers bigint,
    source text not null,
    row_digest bytea not null,
    source_partition integer not null,
    source_offset bigint not null,
    batch_id bigint not null,
    primary key (region_code, category_id, captured_at, video_id)
);

create table processed.chart_reading (
    region_code text not null,
    category_id text not null,
    captured_at timestamptz not null,
    size integer not null,
    source text not null,
    row_digest bytea not null,
    source_partition integer not null,
    source_offset bigint not null,
    batch_id bigint not null,
    primary key (region_code, category_id, captured_at)
);

create table processed.video_statistics (
    video_id text not null references processed.video (video_id),
    captured_at timestamptz not null,
    view_count bigint,
    like_count bigint,
    dislike_count bigint,
    comment_count bigint,
    concurrent_viewers bigint,
    source text not null,
    row_digest bytea not null,
    source_partition integer not null,
    source_offset bigint not null,
    batch_id bigint not null,
    primary key (video_id, captured_at)
);

create table processed.video_absence (
    video_id text not null references processed.video (video_id),
    captured_at timestamptz not null,
    reason text not null,
    source text not null,
    row_digest bytea not null,
    source_partition integer not null,
    source_offset bigint not null,
    batch_id bigint not null,
    primary key (video_id, captured_at)
);

create table processed.channel (
    channel_id text not null,
    title text,
    description text,
    custom_url text,
    published_at timestamptz,
    country text,
    default_language text,
    thumbnail_url text,
    banner_url text,
    keywords text,
    uploads_playlist_id text,
    topic_categories text[],
    privacy_status text,
    made_for_kids boolean,
    localizations jsonb,
    source text,
    captured_at timestamptz,
    row_digest bytea,
    source_partition integer,
    source_offset bigint,
    batch_id bigint,
    primary key (channel_id),
    check (captured_at is null or (source is not null and row_digest is not null))
) with (fillfactor = 90);

create table processed.channel_statistics (
    channel_id text not null references processed.channel (channel_id),
    captured_at timestamptz not null,
    view_count bigint,
    subscriber_count bigint,
    hidden_subscriber_count boolean,
    video_count bigint,
    source text not null,
    row_digest bytea not null,
    source_partition integer not null,
    source_offset bigint not null,
    batch_id bigint not null,
    primary key (channel_id, captured_at)
);

create table processed.video_category (
    region_code text not null,
    category_id text not null,
    title text,
    assignable boolean,
    channel_id text,
    source text not null,
    captured_at timestamptz not null,
    row_digest bytea not null,
    source_partition integer not null,
    source_offset bigint not null,
    batch_id bigint not null,
    primary key (region_code, category_id)
) with (fillfactor = 90);

create table pipeline.api_usage (
    usage_id text not null,
    captured_at timestamptz not null,
    provider text not null,
    bucket text not null,
    pacific_day date not null,
    units integer not null,
    requests integer not null,
    command text not null,
    source text not null,
    row_digest bytea not null,
    source_partition integer not null,
    source_offset bigint not null,
    batch_id bigint not null,
    primary key (usage_id)
);
