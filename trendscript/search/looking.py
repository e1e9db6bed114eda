"""Searching: a query and its conditions go in, sentences with the second of their video come out."""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg2 import errors
from psycopg2.extras import RealDictCursor

from trendscript.errors import TryAgainLater, UsageError
from trendscript.migrations import DatabaseNotMigrated, pending
from trendscript.postgres import connect
from trendscript.search import statements
from trendscript.search.asked import Conditions, parse_query
from trendscript.search.hits import START, STOP, Hit, Result, cut_excerpt, find_marks, find_similar
from trendscript.search.tongues import Language, Reading, Sought, list_words, split_by_expression

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg2.sql import Composed

    from trendscript.search.asked import Query

# Above so many matches only the newest sentences are looked through: fetching each match to rank it would take
# longer than anybody waits, and whoever asks for a word that common wants recent examples of it.
_RANKED = 10_000
_LOOKED_AT = 20_000
_ANCHORS = 2_000  # most sentences whose neighbours are read for a phrase that crosses from one into the next
_CLOSE_MILLISECONDS = 2_000
_SIMILARITY = 0.5

Row = dict[str, Any]


class UnknownChannel(UsageError):
    """Raised when no video is of the channel that a search is to keep to."""

    def __init__(self, channel: str) -> None:
        self.channel = channel
        super().__init__(
            f"No video here is of a channel {channel!r}. Give its id or its whole title; "
            "the view trusted.channel lists them."
        )


class SearchTookTooLong(TryAgainLater):
    """Raised when the server ends the search, as it does for analysts after their role's statement_timeout."""


@dataclass(frozen=True, slots=True)
class _Match:
    """A place that matches, with what it is sorted by, and how the words were read that it matches."""

    row: Row
    sought: Sought | None

    @property
    def order(self) -> tuple[Any, ...]:
        """Sorts the best match first, and of equals that of the newest video."""
        at = self.row["published_at"]
        newest = (0, -at.timestamp()) if at else (1, 0.0)
        start = self.row["start_seconds"] or 0.0
        place = (self.row["video_id"], start, self.row["transcription_id"], self.row["first"])
        return (-self.row["rank"], newest, *place)


@dataclass(frozen=True, slots=True)
class _Search:
    """One search on an open connection."""

    cursor: RealDictCursor
    query: Query
    conditions: Conditions
    limit: int


def search(dsn: str, text: str, conditions: Conditions | None = None, *, limit: int = 10) -> Result:
    """Find the sentences that hold what a query asks for, the best first, at most `limit` of them.

    Nothing is written. A query is words, "a phrase", -without and or; each sentence is read in its own language.
    Raises NothingToSearchFor, QueryTooLong, UnknownChannel, SearchTookTooLong, DatabaseNotMigrated, and what
    `trendscript.postgres.connect` raises.
    """
    query = parse_query(text)
    with (
        closing(connect(dsn, application_name="trendscript search")) as connection,
        _failures_named(dsn),
        connection.cursor(cursor_factory=RealDictCursor) as cursor,
    ):
        cursor.execute(statements.SETTINGS)
        return _find(_Search(cursor, query, conditions or Conditions(), limit))


def _find(search: _Search) -> Result:
    _check_channel(search)
    expressions = _read_query(search)
    found: int | None = 0
    matches: list[_Match] = []
    for sought in expressions:
        rows, complete = _look(search, sought)
        matches += [_Match(row, sought) for row in rows]
        found = None if found is None or not complete else found + (rows[0]["found"] if rows else 0)
    for sought in expressions if len(matches) < search.limit else ():
        rows = _look_across(search, sought)
        matches += [_Match(row, sought) for row in rows]
        found = None if found is None else found + (rows[0]["found"] if rows else 0)
    close = not matches
    if close:
        matches = [_Match(row, None) for row in _look_for_similar(search)]
    best = sorted(matches, key=lambda match: match.order)[: search.limit]
    return Result(_to_hits(search, best), 0 if close else found, close=close and bool(best))


def _check_channel(search: _Search) -> None:
    channel = search.conditions.channel
    if channel is None:
        return
    search.cursor.execute(statements.CHANNEL_IS_KNOWN, {"channel": channel})
    if not any(row["known"] for row in search.cursor.fetchall()):
        raise UnknownChannel(channel)


def _read_query(search: _Search) -> list[Sought]:
    """What to look for in the languages that there are."""
    cursor, wanted = search.cursor, search.conditions.language
    cursor.execute(statements.LANGUAGES)
    languages = [Language(row["language"], row["config"], row["without_times"]) for row in cursor.fetchall()]
    languages = [language for language in languages if wanted in (None, language.code)]
    configs = sorted({language.config for language in languages})
    cursor.execute(statements.READINGS, {"configs": configs, "words": list_words(search.query)})
    readings: dict[str, dict[str, Reading]] = {}
    for row in cursor.fetchall():
        readings.setdefault(row["config"], {})[row["words"]] = Reading(row["kept"], row["meant"])
    return split_by_expression(search.query, languages, readings)


def _look(search: _Search, sought: Sought) -> tuple[list[Row], bool]:
    """The best matches, and whether all there are were ranked."""
    rows: list[Row] = []
    if sought.without_times:
        rows = _fetch(search, statements.without_times(sought, search.conditions), sought)
    if not sought.with_times:
        return rows, True
    if _estimate(search, sought.query) > _RANKED:
        newest = _fetch(search, statements.newest_matches(sought, search.conditions), sought, at_most=_LOOKED_AT)
        everything = newest[0]["looked_at"] < _LOOKED_AT
        held = [row for row in newest if row["transcription_id"] is not None]
        if everything or len(held) >= search.limit:
            return _together(rows, held), everything
    return _together(rows, _fetch(search, statements.matches(sought, search.conditions), sought)), True


def _together(one: list[Row], other: list[Row]) -> list[Row]:
    """Rows of both, each of which says how many were found."""
    found = sum(rows[0]["found"] for rows in (one, other) if rows)
    return [row | {"found": found} for row in [*one, *other]]


def _look_across(search: _Search, sought: Sought) -> list[Row]:
    """Neighbouring sentences that hold a phrase together, if one of its words is rare enough to begin with."""
    phrase = search.query.phrase
    if phrase is None or not sought.with_times:
        return []
    search.cursor.execute(statements.LEXEMES, {"config": sought.config, "words": phrase})
    words = [row["query"] for row in search.cursor.fetchall() if row["query"]]
    if len(words) <= 1:
        return []
    rarest, anchor = min((_estimate(search, word), word) for word in words)
    if rarest > _ANCHORS:
        return []
    values = {"anchor": anchor, "all": " & ".join(words), "config": sought.config}
    return _fetch(search, statements.across(sought, search.conditions), sought, **values)


def _look_for_similar(search: _Search) -> list[Row]:
    """Sentences with words that look like those asked for; none if finding them takes too long."""
    cursor = search.cursor
    cursor.execute("savepoint close_words")
    cursor.execute(
        "select set_config('statement_timeout', %s, true), set_config('pg_trgm.word_similarity_threshold', %s, true)",
        (str(_CLOSE_MILLISECONDS), str(_SIMILARITY)),
    )
    try:
        rows = _fetch(search, statements.close(search.conditions), None, words=search.query.words)
    except errors.QueryCanceled:
        rows = []
    cursor.execute("rollback to savepoint close_words")
    return rows


def _estimate(search: _Search, query: str) -> int:
    """How many sentences hold it, as far as the server's statistics tell."""
    search.cursor.execute(statements.ESTIMATE, {"query": query})
    [row] = search.cursor.fetchall()
    return int(row["QUERY PLAN"][0]["Plan"]["Plan Rows"])


def _fetch(search: _Search, statement: Composed, sought: Sought | None, **more: object) -> list[Row]:
    conditions = search.conditions
    values: dict[str, object] = {
        "limit": search.limit,
        "language": conditions.language,
        "channel": conditions.channel,
        "region": conditions.region,
        "since": conditions.since,
        "method": conditions.method,
    }
    if sought is not None:
        values |= {"query": sought.query, "exact": sought.exact, "languages": sought.codes}
    search.cursor.execute(statement, values | more)
    return [dict(row) for row in search.cursor.fetchall()]


def _to_hits(search: _Search, matches: Sequence[_Match]) -> tuple[Hit, ...]:
    if not matches:
        return ()
    rows = [match.row for match in matches]
    values = {name: [row[name.removesuffix("s")] for row in rows] for name in ("firsts", "lasts")}
    search.cursor.execute(statements.SENTENCES, values | {"ids": [row["transcription_id"] for row in rows]})
    sentences: dict[int, list[Row]] = {}
    for row in search.cursor.fetchall():
        sentences.setdefault(row["number"], []).append(dict(row))
    texts = [" ".join(one["text"] for one in sentences[number]) for number in sorted(sentences)]
    marked = _mark(search, texts, matches)
    return tuple(
        _to_hit(sentences[number], text, marks, match)
        for number, text, marks, match in zip(sorted(sentences), texts, marked, matches, strict=True)
    )


def _mark(search: _Search, texts: Sequence[str], matches: Sequence[_Match]) -> list[tuple[tuple[int, int], ...]]:
    sought = [match.sought for match in matches]
    if None in sought:
        return [find_similar(text, search.query.words) for text in texts]
    values = {
        "configs": [one.config for one in sought if one],
        "queries": [one.query for one in sought if one],
        "texts": list(texts),
        "start": START,
        "stop": STOP,
    }
    search.cursor.execute(statements.HEADLINES, values)
    marked = [row["ts_headline"] for row in search.cursor.fetchall()]
    return [find_marks(text, one) for text, one in zip(texts, marked, strict=True)]


def _to_hit(sentences: list[Row], whole: str, marks: tuple[tuple[int, int], ...], match: _Match) -> Hit:
    first, last = sentences[0], sentences[-1]
    text, kept = cut_excerpt(whole, marks) if first["start_seconds"] is None else (whole, marks)
    flags = dict.fromkeys(flag for sentence in sentences for flag in sentence["flags"] or ())
    same = ("video_id", "title", "channel_id", "channel_title", "published_at", "url", "start_seconds", "language")
    also = ("method", "model", "best_rank", "transcription_id", "position")
    return Hit(
        **{name: first[name] for name in (*same, *also)},
        end_seconds=last["end_seconds"],
        text=text,
        marks=kept,
        doubtful=bool(flags),
        flags=tuple(flags),
        region_codes=tuple(first["region_codes"] or ()),
        rank=round(float(match.row["rank"]), 6),
    )


@contextmanager
def _failures_named(dsn: str) -> Iterator[None]:
    try:
        yield
    except errors.QueryCanceled as error:
        raise SearchTookTooLong(
            "The server ended the search, most likely at the role's statement_timeout. "
            "Search for a rarer word or with --lang, --channel or --since, or try again when the server has less to do."
        ) from error
    except (errors.UndefinedTable, errors.UndefinedColumn, errors.UndefinedFunction, errors.InvalidSchemaName) as error:
        raise DatabaseNotMigrated(pending(dsn)) from error
