"""`migrate` and `ask` as commands: what they print, and how they refuse."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import pytest

from tests.warehouse.conftest import read_rows, run_command
from tests.warehouse.rows import add_reading, add_video, day
from trendscript.contracts import load_contracts
from trendscript.errors import UsageError
from trendscript.migrations import VIEWS, DatabaseNotMigrated, migration_names
from trendscript.postgres import DatabaseMissing
from trendscript.questions import UnknownQuestion, find_question, read_questions

if TYPE_CHECKING:
    from kafka import KafkaAdminClient
    from psycopg2.extras import RealDictCursor

    from tests.conftest import Stack


def test_migrate_reports_what_it_applied(empty_database: str) -> None:
    """Names the first time, nothing the second, as JSON and in words."""
    first = run_command(empty_database, "migrate", "--database-only", "--json")
    second = run_command(empty_database, "migrate", "--database-only")
    assert json.loads(first.stdout) == {"database": {"applied": [*migration_names(), VIEWS]}}
    assert second.stdout == "Database: up to date.\n"


def test_migrate_creates_the_topics_of_the_contracts(
    stack: Stack, kafka_admin: KafkaAdminClient, database: str
) -> None:
    """Every contract's topic is there afterwards, and a second time none is created."""
    kafka = {"KAFKA_BOOTSTRAP_SERVERS": stack.bootstrap_servers}
    first = run_command(database, "migrate", **kafka)
    second = run_command(database, "migrate", "--json", **kafka)
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert set(load_contracts()) <= set(kafka_admin.list_topics())
    assert json.loads(second.stdout) == {"database": {"applied": []}, "topics": {"created": []}}


def test_ask_lists_the_questions_in_the_words_of_their_views(database: str) -> None:
    """A line a question."""
    found = run_command(database, "ask")
    assert found.stdout.splitlines()[1] == "q03  How long does a video stay on the chart, and how does its rank move?"
    assert [line[:3] for line in found.stdout.splitlines()] == ["q01", "q03", "q06", "q07", "q08"]


def test_every_view_says_what_it_answers_and_from_which_grain(cursor: RealDictCursor) -> None:
    """Each comment is a question, then what a row is."""
    query = (
        "select relname, obj_description(oid) as text from pg_class where relkind = 'v' and relnamespace = 'trusted'"
    )
    views = read_rows(cursor, query.replace("'trusted'", "'trusted'::regnamespace"))
    assert len(views) > 10
    for view in views:
        question, _, reading = view["text"].partition("? ")
        assert question, view["relname"]
        assert reading.startswith("One row a"), view["relname"]


@pytest.mark.parametrize("asked", ["q03", "Q3", "3", "q03_time_on_chart"])
def test_a_question_has_several_names(database: str, asked: str) -> None:
    """Its number in any form, or its view."""
    assert find_question(asked, read_questions(database)).view == "q03_time_on_chart"


def test_ask_prints_json_with_types(cursor: RealDictCursor, database: str) -> None:
    """Numbers are numbers, times RFC 3339 in UTC, lists lists, NULL null."""
    add_reading(cursor, day(1), ["a"])
    add_reading(cursor, day(2), ["a"])
    [row] = json.loads(run_command(database, "ask", "q03", "--json").stdout)
    assert row["hours"] == 24
    assert row["ranks"] == [1, 1]
    assert row["entered_at"] == "2026-03-01T12:00:00Z"
    assert row["left_at"] is None
    assert row["crosses_metric_epoch"] is False


def test_ask_prints_csv_that_no_spreadsheet_runs(cursor: RealDictCursor, database: str) -> None:
    """A title like a formula is text there; numbers below zero stay numbers."""
    add_video(cursor, "a", title='=HYPERLINK("http://example.org")', channel_title="@handle, with comma")
    add_reading(cursor, day(1), ["a", "b"])
    add_reading(cursor, day(2), ["b", "a"])
    rows = list(csv.DictReader(run_command(database, "ask", "q03", "--csv").stdout.splitlines()))
    [row] = [row for row in rows if row["video_id"] == "a"]
    assert row["title"] == '\'=HYPERLINK("http://example.org")'
    assert row["channel_title"] == "'@handle, with comma"
    assert row["ranks_climbed"] == "-1"
    assert row["ranks"] == "1;2"
    assert row["left_at"] == ""
    assert row["last_seen_at"] == "2026-03-02T12:00:00Z"


def test_ask_shows_a_table_and_says_that_there_is_more(cursor: RealDictCursor, database: str) -> None:
    """Control characters of a title do not reach the terminal; brackets in it are no markup."""
    add_video(cursor, "a", title="\x1b[31m[bold]loud")
    add_reading(cursor, day(1), ["a", "b", "c"])
    found = run_command(database, "ask", "q07", "--limit", "2")
    assert "[31m[bold]loud" in found.stdout
    assert "\x1b" not in found.stdout
    assert found.stdout.splitlines()[-1] == "There are more rows: --json or --csv shows all."


def test_json_without_rows_is_an_empty_list(database: str) -> None:
    """A program reads an answer before anything was loaded."""
    assert json.loads(run_command(database, "ask", "q01", "--json").stdout) == []
    assert "No rows yet" in run_command(database, "ask", "q01").stdout


def test_ask_streams_more_rows_than_it_fetches_at_once(cursor: RealDictCursor, database: str) -> None:
    """None is lost between two fetches."""
    add_reading(cursor, day(1), [f"video {number}" for number in range(2_100)])
    rows = json.loads(run_command(database, "ask", "q07", "--json").stdout)
    assert len({row["video_id"] for row in rows}) == 2_100


def test_ask_refuses_in_a_sentence(database: str, empty_database: str) -> None:
    """An unknown question, a database without views, no database, two formats at once."""
    unknown = run_command(database, "ask", "q99")
    assert isinstance(unknown.exception, UnknownQuestion)
    assert "q01, q03, q06, q07, q08" in str(unknown.exception)
    assert isinstance(run_command(empty_database, "ask", "q01").exception, DatabaseNotMigrated)
    assert isinstance(run_command(f"{database}_nowhere", "ask", "q01").exception, DatabaseMissing)
    assert isinstance(run_command(database, "ask", "q01", "--json", "--csv").exception, UsageError)
