"""The statements of a search. What a person typed is only ever a parameter; what varies are conditions known here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg2.sql import SQL, Identifier

if TYPE_CHECKING:
    from psycopg2.sql import Composable, Composed

    from trendscript.search.asked import Conditions
    from trendscript.search.tongues import Sought

SETTINGS = """
    set transaction isolation level repeatable read, read only;
    set local jit = off; -- compiling takes longer than these statements do
    set local work_mem = '64MB'; -- keeps the place of each of 100,000 matches, not just their pages
"""

# Each language is found by one step into the index, however many sentences there are.
LANGUAGES = """
    with recursive present as (
        (
            select language from processed.transcript_segment
            where language is not null order by language limit 1
        )
        union all
        select (
            select segment.language from processed.transcript_segment as segment
            where segment.language > present.language order by segment.language limit 1
        )
        from present where present.language is not null
    )

    select language, processed.text_config(language)::text as config, false as without_times
    from present where language is not null
    union all
    select null, processed.text_config(null)::text, false
    union all
    select distinct language, processed.text_config(language)::text, true
    from processed.transcription where timestamps = 'none'
"""

# Words with every word kept, and with those that PostgreSQL's own configuration of the same name finds meaning in.
READINGS = """
    select
        given.config,
        asked.words,
        phraseto_tsquery(given.config::regconfig, normal.words)::text as kept,
        phraseto_tsquery(('pg_catalog.' || own.cfgname)::regconfig, normal.words)::text as meant
    from unnest(%(configs)s::text[]) as given (config)
    inner join pg_catalog.pg_ts_config as own on own.oid = given.config::regconfig
    cross join unnest(%(words)s::text[]) as asked (words)
    cross join lateral (select processed.search_text(asked.words) as words) as normal
"""

CHANNEL_IS_KNOWN = """
    select
        exists (
            select from processed.video
            where channel_id = %(channel)s or lower(channel_title) = lower(%(channel)s)
        )
        or exists (
            select from processed.player_details
            where channel_id = %(channel)s or lower(author) = lower(%(channel)s)
        ) as known
"""

ESTIMATE = "explain (format json) select from processed.transcript_segment where search_vector @@ %(query)s::tsquery"

LEXEMES = """
    select plainto_tsquery('pg_catalog.simple', lexeme)::text as query
    from unnest(to_tsvector(%(config)s::regconfig, processed.search_text(%(words)s)))
"""

# The lists say again what the join says: the view's parts are then looked up by index.
SENTENCES = """
    select wanted.number, said.*
    from unnest(%(ids)s::text[], %(firsts)s::integer[], %(lasts)s::integer[])
        with ordinality as wanted (transcription_id, first, last, number)
    inner join trusted.speech as said
        on wanted.transcription_id = said.transcription_id and said.position between wanted.first and wanted.last
    where
        said.transcription_id = any(%(ids)s::text[])
        and said.position = any(%(firsts)s::integer[] || %(lasts)s::integer[])
    order by wanted.number, said.position
"""

# Marked in the text as its words are found in it; marks are characters that such a text never holds.
HEADLINES = """
    select ts_headline(
        given.config::regconfig, processed.search_text(given.text), given.query::tsquery,
        'HighlightAll=true, StartSel=' || %(start)s || ', StopSel=' || %(stop)s
    )
    from unnest(%(configs)s::text[], %(texts)s::text[], %(queries)s::text[])
        with ordinality as given (config, text, query, number)
    order by given.number
"""

_COLUMNS = SQL("transcription_id, first, last, rank, published_at, video_id, start_seconds")

# The newest video of equals first; nothing is left to chance.
_ORDER = SQL("rank desc, published_at desc nulls last, video_id, start_seconds, transcription_id, first")

_RANK = SQL("""(
    ts_rank_cd(segment.search_vector, %(query)s::tsquery)
    + coalesce((segment.search_vector @@ %(exact)s::tsquery)::integer, 0)
)""")

_MATCHES = SQL("""
    select {columns}, count(*) over () as found
    from (
        select
            segment.transcription_id, segment.position as first, segment.position as last, segment.start_seconds,
            {rank} as rank, said.published_at, said.video_id
        from processed.transcript_segment as segment
        inner join trusted.transcription as said on segment.transcription_id = said.transcription_id
        where segment.search_vector @@ %(query)s::tsquery and {of_sentence} and {is_version} and {of_video}
    ) as match
    order by {order} limit %(limit)s
""")

_NEWEST_MATCHES = SQL("""
    with looked_at as materialized (
        select
            segment.transcription_id, segment.position as first, segment.position as last, segment.start_seconds,
            case when segment.search_vector @@ %(query)s::tsquery and {of_sentence} then {rank} end as rank,
            newest.published_at, newest.video_id
        from (
            select said.transcription_id, said.video_id, said.published_at, said.captured_at, {is_version} as is_version
            from trusted.transcription as said where {of_video} {barrier}
        ) as newest
        inner join processed.transcript_segment as segment on newest.transcription_id = segment.transcription_id
        where newest.is_version
        order by newest.captured_at desc, newest.transcription_id desc, segment.position
        limit %(at_most)s
    )

    select counted.looked_at, match.*
    from (select count(*) as looked_at from looked_at) as counted
    left join lateral (
        select {columns}, count(*) over () as found from looked_at where rank is not null
        order by {order} limit %(limit)s
    ) as match on true
""")

_WITHOUT_TIMES = SQL("""
    select {columns}, count(*) over () as found
    from (
        select
            whole.transcription_id, 0 as first, 0 as last, null::double precision as start_seconds,
            ts_rank_cd(
                to_tsvector(processed.text_config(whole.language), processed.search_text(whole.text)),
                %(query)s::tsquery
            ) as rank,
            said.published_at, said.video_id
        from processed.transcription as whole
        inner join trusted.transcription as said on whole.transcription_id = said.transcription_id
        where
            whole.timestamps = 'none'
            and to_tsvector(processed.text_config(whole.language), processed.search_text(whole.text))
            @@ %(query)s::tsquery
            and {of_sentence} and {is_version} and {of_video}
            and not exists (
                select from processed.transcript_segment as segment
                where segment.transcription_id = whole.transcription_id
            )
    ) as match
    order by {order} limit %(limit)s
""")

# The rarest word of the phrase says where to look; its sentence and each neighbour are then read as one.
_ACROSS = SQL("""
    with anchor as (
        select segment.transcription_id, segment.position from processed.transcript_segment as segment
        where segment.search_vector @@ %(anchor)s::tsquery and {of_sentence}
    ),

    pair as (
        select transcription_id, position as first from anchor
        union
        select transcription_id, position - 1 as first from anchor
    )

    select {columns}, count(*) over () as found
    from (
        select
            pair.transcription_id, pair.first, pair.first + 1 as last, 0::real as rank, segment.start_seconds,
            said.published_at, said.video_id
        from pair
        inner join processed.transcript_segment as segment
            on pair.transcription_id = segment.transcription_id and pair.first = segment.position
        inner join processed.transcript_segment as following
            on pair.transcription_id = following.transcription_id and pair.first + 1 = following.position
        inner join trusted.transcription as said on pair.transcription_id = said.transcription_id
        where
            not segment.search_vector @@ %(query)s::tsquery
            and not following.search_vector @@ %(query)s::tsquery
            and (segment.search_vector || following.search_vector) @@ %(all)s::tsquery
            and to_tsvector(
                %(config)s::regconfig, processed.search_text(segment.text || ' ' || following.text)
            ) @@ %(query)s::tsquery
            and {of_sentence} and {of_following} and {is_version} and {of_video}
    ) as match
    order by {order} limit %(limit)s
""")

_CLOSE = SQL("""
    select {columns}, count(*) over () as found
    from (
        select
            segment.transcription_id, segment.position as first, segment.position as last, segment.start_seconds,
            public.word_similarity(%(words)s, segment.text) as rank, said.published_at, said.video_id
        from processed.transcript_segment as segment
        inner join trusted.transcription as said on segment.transcription_id = said.transcription_id
        where %(words)s operator(public.<%%) segment.text and {of_sentence} and {is_version} and {of_video}
    ) as match
    order by {order} limit %(limit)s
""")


def matches(sought: Sought, conditions: Conditions) -> Composed:
    """All sentences that hold what is sought, by the index of words; the best of them."""
    return _fill(_MATCHES, of_sentence=_of_sentence("segment", sought, conditions), conditions=conditions)


def newest_matches(sought: Sought, conditions: Conditions) -> Composed:
    """The same among the newest sentences alone, which are looked at one by one, and how many those were.

    Which transcript is the best is asked one by one as well, of a channel's after its videos are known: a subquery
    with an offset is worked off first.
    """
    return _fill(
        _NEWEST_MATCHES,
        of_sentence=_of_sentence("segment", sought, conditions),
        conditions=conditions,
        barrier=SQL("offset 0" if conditions.channel is not None else ""),
    )


def without_times(sought: Sought, conditions: Conditions) -> Composed:
    """Transcripts without times that hold what is sought."""
    return _fill(_WITHOUT_TIMES, of_sentence=_of_sentence("whole", sought, conditions), conditions=conditions)


def across(sought: Sought, conditions: Conditions) -> Composed:
    """Pairs of neighbouring sentences that hold a phrase together, and neither alone."""
    return _fill(
        _ACROSS,
        of_sentence=_of_sentence("segment", sought, conditions),
        conditions=conditions,
        of_following=_of_sentence("following", sought, conditions),
    )


def close(conditions: Conditions) -> Composed:
    """Sentences with words that look like those asked for."""
    return _fill(_CLOSE, of_sentence=_of_sentence("segment", None, conditions), conditions=conditions)


def _fill(statement: SQL, *, of_sentence: Composed, conditions: Conditions, **more: Composable) -> Composed:
    parts = {"columns": _COLUMNS, "order": _ORDER, "rank": _RANK}
    of_transcript = {"is_version": _is_version(conditions), "of_video": _of_video(conditions)}
    return statement.format(of_sentence=of_sentence, **parts, **of_transcript, **more)


def _of_sentence(name: str, sought: Sought | None, conditions: Conditions) -> Composed:
    """Conditions on a sentence: its language, and whether it is doubted."""
    sentence = Identifier(name)
    wanted = [SQL("true").format()]
    if sought is not None:
        unknown = SQL("or {}.language is null").format(sentence) if sought.with_unknown else SQL("")
        wanted.append(SQL("({}.language = any(%(languages)s) {})").format(sentence, unknown))
    elif conditions.language is not None:
        wanted.append(SQL("{}.language = %(language)s").format(sentence))
    if not conditions.include_doubtful:
        wanted.append(SQL("({0}.flags is null or {0}.flags = '{{}}')").format(sentence))
    return SQL(" and ").join(wanted)


def _is_version(conditions: Conditions) -> SQL:
    """The condition on which transcript of a video it is."""
    if conditions.all_versions:
        return SQL("true")
    return SQL("said.preferred" if conditions.method is None else "said.best_of_method")


def _of_video(conditions: Conditions) -> Composed:
    """Conditions on a transcript and its video."""
    wanted = [SQL("true")]
    if conditions.method is not None:
        wanted.append(SQL("said.method = %(method)s"))
    if conditions.channel is not None:
        wanted.append(SQL("(said.channel_id = %(channel)s or lower(said.channel_title) = lower(%(channel)s))"))
    if conditions.since is not None:
        wanted.append(SQL("said.published_at >= %(since)s"))
    if conditions.region is not None:
        wanted.append(
            SQL("""exists (
                select from processed.chart_entry as entry
                where entry.video_id = said.video_id and entry.region_code = %(region)s
            )""")
        )
    return SQL(" and ").join(wanted)
