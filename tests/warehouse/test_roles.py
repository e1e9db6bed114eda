"""What each role may do, tried as that role."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import psycopg2
import pytest
from psycopg2 import errors

from tests.warehouse.conftest import read_rows
from tests.warehouse.speech_rows import add_transcript
from trendscript.migrations import migrate

if TYPE_CHECKING:
    from psycopg2.extras import RealDictCursor


def _as(cursor: RealDictCursor, role: str) -> RealDictCursor:
    cursor.execute(f"set session authorization {role}")
    return cursor


@pytest.mark.parametrize(
    "statement",
    [
        "insert into processed.video (video_id) values ('dQw4w9WgXcQ')",
        "update processed.video set title = ''",
        "delete from processed.chart_entry",
        "delete from processed.transcript_segment",
        "update processed.transcription set status = 'failed'",
        "alter text search configuration processed.english drop mapping for word",
        "truncate processed.chart_entry",
        "create table public.mine (id integer)",
        "create table processed.mine (id integer)",
        "create view trusted.mine as select 1 as one",
        "create schema mine",
        "select * from pipeline.batch",
        "select * from pipeline.dead_letter",
        "select * from pipeline.api_usage",
        "set role pipeline_writer",
    ],
)
def test_an_analyst_breaks_nothing(cursor: RealDictCursor, statement: str) -> None:
    """Neither writing, nor creating, nor looking at the ledger is allowed, read-only transaction or not."""
    _as(cursor, "data_analyst").execute("set default_transaction_read_only = off")
    with pytest.raises(errors.InsufficientPrivilege):
        cursor.execute(statement)


def test_an_analyst_makes_no_temporary_table(empty_database: str) -> None:
    """Temporary tables could fill the disk. A migrated database denies them (a copied one forgets)."""
    migrate(empty_database)
    with closing(psycopg2.connect(empty_database)) as connection, connection.cursor() as cursor:
        cursor.execute("set session authorization data_analyst")
        with pytest.raises(errors.InsufficientPrivilege):
            cursor.execute("create temporary table mine (id integer)")


def test_an_analyst_reads_every_table_and_view(cursor: RealDictCursor) -> None:
    """All of trusted and processed answers."""
    query = "select oid::regclass::text as name from pg_class where relkind in ('r', 'v') and relnamespace in"
    names = read_rows(cursor, f"{query} ('trusted'::regnamespace, 'processed'::regnamespace)")
    assert len(names) > 15
    _as(cursor, "data_analyst")
    for row in names:
        assert read_rows(cursor, f"select * from {row['name']} limit 0") == []  # noqa: S608  (names from the catalogue)


def test_an_analyst_searches_with_plain_names(cursor: RealDictCursor) -> None:
    """Views of speech and what reads words are on the search path."""
    _as(cursor, "data_analyst").execute("set search_path = trusted, processed")
    assert read_rows(cursor, "select text, url from speech where text ilike '%%words%%' and preferred") == []
    [row] = read_rows(cursor, "select phraseto_tsquery(text_config('en'), search_text('let it be'))::text as query")
    assert row["query"] == "'let' <-> 'it' <-> 'be'"


def test_an_analysts_sessions_are_read_only_and_limited_in_time(cursor: RealDictCursor) -> None:
    """The role carries its settings to every connection."""
    [row] = read_rows(cursor, "select rolconfig from pg_roles where rolname = 'data_analyst'")
    assert {"default_transaction_read_only=on", "statement_timeout=60000"} <= set(row["rolconfig"])


def test_the_writer_writes_rows_and_ledger_and_nothing_else(cursor: RealDictCursor) -> None:
    """It inserts and updates, and neither deletes, nor creates, nor rewrites the dates of metric changes."""
    _as(cursor, "pipeline_writer")
    cursor.execute("insert into processed.video (video_id) values ('dQw4w9WgXcQ')")
    cursor.execute("insert into pipeline.topic (topic, cluster_id, topic_id) values ('t', 'c', 'i')")
    cursor.execute("update pipeline.topic set topic_id = 'j'")
    for statement in (
        "delete from processed.video",
        "create table processed.mine (id integer)",
        "update processed.metric_epoch set scope = ''",
        "update pipeline.sql_checksum set sha256 = ''",
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            cursor.execute(statement)


def test_what_the_writer_writes_can_be_searched(cursor: RealDictCursor) -> None:
    """It may use what makes a text searchable, and replace the segments of a transcript."""
    _as(cursor, "pipeline_writer")
    add_transcript(cursor, "dQw4w9WgXcQ", ["Let it be"])
    query = "select count(*) as n from processed.transcript_segment where search_vector @@ %s::tsquery"
    assert read_rows(cursor, query, "'let' <-> 'it' <-> 'be'") == [{"n": 1}]
    cursor.execute("delete from processed.transcript_segment")


def test_the_janitor_deletes_and_writes_nothing(cursor: RealDictCursor) -> None:
    """Purging is its whole work."""
    _as(cursor, "pipeline_janitor")
    cursor.execute("delete from processed.chart_entry")
    cursor.execute("delete from pipeline.dead_letter")
    for statement in (
        "insert into processed.video (video_id) values ('dQw4w9WgXcQ')",
        "delete from pipeline.batch",
        "delete from processed.metric_epoch",
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            cursor.execute(statement)
