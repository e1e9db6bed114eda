"""What each role may do, tried as that role."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import psycopg2
import pytest
from psycopg2 import errors
from psycopg2.extensions import make_dsn
from psycopg2.extras import RealDictCursor

from tests.builders import a_chart_message, to_bytes
from tests.spark_jobs.quarantined import CHARTS, load_values
from tests.warehouse.conftest import read_rows
from tests.warehouse.speech_rows import add_transcript
from trendscript.migrations import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator


_NOT_FOR_ANALYSTS = (
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
    "alter role data_analyst createrole",
    "alter role pipeline_writer password 'mine'",
    "grant pipeline_writer to data_analyst",
    "create function processed.mine() returns integer language sql as 'select 1'",
    "create function public.mine() returns integer language sql as 'select 1'",
    "create materialized view trusted.mine as select 1 as one",
    "create sequence public.mine",
    "select lo_from_bytea(0, 'a large object')",
    "select lo_create(0)",
    "lock table processed.video in row exclusive mode",
    "lock table processed.video in share mode",
    "lock table processed.video in access exclusive mode",
    "select * from processed.video for update",
    "comment on table processed.video is 'mine'",
    "copy processed.video to program 'cat'",
    "select pg_read_file('PG_VERSION')",
    "set temp_file_limit = -1",
)
_NOT_FOR_THE_WRITER = (
    "drop table processed.video cascade",
    "drop view trusted.video cascade",
    "drop schema processed cascade",
    "truncate processed.chart_entry",
    "truncate pipeline.position",
    "alter table processed.video add column mine text",
    "alter table processed.video disable trigger all",
    "delete from processed.chart_entry",
    "delete from processed.transcription",
    "delete from pipeline.batch",
    "delete from pipeline.position",
    "delete from pipeline.dead_letter",
    "insert into pipeline.purge default values",
    "create table processed.mine (id integer)",
    "create view trusted.mine as select 1 as one",
    "create function processed.mine() returns integer language sql as 'select 1'",
    "create schema mine",
    "create role mine",
    "alter role pipeline_writer createrole",
    "alter role data_analyst password 'mine'",
    "alter role data_analyst reset statement_timeout",
    "grant pipeline_janitor to pipeline_writer",
    "set role trendscript_owner",
    "set role pipeline_janitor",
)


def _is_refused(cursor: RealDictCursor, statement: str) -> bool:
    """Whether the role lacks the right; what is allowed is undone."""
    cursor.execute("begin")
    try:
        cursor.execute(statement)
    except errors.InsufficientPrivilege:
        return True
    else:
        return False
    finally:
        cursor.execute("rollback")


def _as(cursor: RealDictCursor, role: str) -> RealDictCursor:
    cursor.execute(f"set session authorization {role}")
    return cursor


def test_an_analyst_breaks_nothing(cursor: RealDictCursor) -> None:
    """Neither writing, nor creating, nor looking at the ledger is allowed, read-only transaction or not."""
    _as(cursor, "data_analyst").execute("set default_transaction_read_only = off")
    assert [statement for statement in _NOT_FOR_ANALYSTS if not _is_refused(cursor, statement)] == []


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


@pytest.fixture
def analyst(cursor: RealDictCursor) -> Iterator[RealDictCursor]:
    """A session that data_analyst has opened, in autocommit, in the database of `cursor`."""
    dsn = make_dsn(**{**cursor.connection.get_dsn_parameters(), "user": "data_analyst"})
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        with connection.cursor(cursor_factory=RealDictCursor) as opened:
            yield opened


def test_an_analysts_statement_is_ended_in_time_unless_the_analyst_says_otherwise(analyst: RealDictCursor) -> None:
    """A minute is what a session begins with. It is no bound: PostgreSQL lets whoever connects set another."""
    assert read_rows(analyst, "show statement_timeout") == [{"statement_timeout": "1min"}]
    assert read_rows(analyst, "show transaction_read_only") == [{"transaction_read_only": "on"}]
    analyst.execute("set statement_timeout = '200ms'")
    with pytest.raises(errors.QueryCanceled):
        analyst.execute("select pg_sleep(60)")
    analyst.execute("set statement_timeout = 0")
    assert read_rows(analyst, "show statement_timeout") == [{"statement_timeout": "0"}]


def test_an_analyst_holds_up_no_load(cursor: RealDictCursor, database: str, analyst: RealDictCursor) -> None:
    """A transaction that has read every table and stays open is in no load's way."""
    names = read_rows(
        cursor,
        "select oid::regclass::text as name from pg_class where relkind in ('r', 'v')"
        " and relnamespace in ('trusted'::regnamespace, 'processed'::regnamespace)",
    )
    analyst.execute("begin isolation level repeatable read")
    for row in names:
        analyst.execute(f"select * from {row['name']} limit 1")  # noqa: S608  (names from the catalogue)
    analyst.execute("lock table processed.video in access share mode")
    load_values(database, CHARTS, [to_bytes(a_chart_message())])
    assert read_rows(cursor, "select count(*) as n from processed.chart_entry") == [{"n": 1}]
    assert read_rows(analyst, "select count(*) as n from processed.chart_entry") == [{"n": 0}]


def test_the_writer_takes_nothing_away_and_changes_no_rules(cursor: RealDictCursor) -> None:
    """What it has written stays, in the tables as they are, for the roles as they are."""
    _as(cursor, "pipeline_writer")
    assert [statement for statement in _NOT_FOR_THE_WRITER if not _is_refused(cursor, statement)] == []


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


def test_the_writer_passes_no_right_on(cursor: RealDictCursor) -> None:
    """PostgreSQL only warns of a grant that grants nothing."""
    _as(cursor, "pipeline_writer").execute("grant insert on processed.video to data_analyst")
    asked = "select has_table_privilege('data_analyst', 'processed.video', 'insert') as may"
    assert read_rows(cursor, asked) == [{"may": False}]


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
