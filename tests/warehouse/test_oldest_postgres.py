"""PostgreSQL 15, the oldest that is promised: migrations, a load's transaction, views and searches run there too."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import psycopg2
import pytest

from spark_jobs.lease import take_lease
from spark_jobs.lease_holders import TopicBusy
from tests.builders import a_chart_message, query, to_bytes
from tests.doctor.conftest import Patient, to_settings
from tests.postgres_15 import needs_postgres_15, open_postgres
from tests.spark_jobs.quarantined import CHARTS, load_values
from tests.warehouse.conftest import run_command
from tests.warehouse.speech_rows import add_transcript
from trendscript.migrations import VIEWS, migrate, migration_names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = needs_postgres_15


@pytest.fixture(scope="module")
def old_database() -> Iterator[str]:
    """A migrated database on PostgreSQL 15; what was applied is as on the newest."""
    with open_postgres() as maintenance:
        dsn = maintenance.rpartition("/")[0] + "/trendscript"
        assert migrate(dsn) == [*migration_names(), VIEWS]
        yield dsn


def test_it_is_fifteen_and_migrating_again_changes_nothing(old_database: str) -> None:
    """Whatever stands under that path."""
    assert query(old_database, "select current_setting('server_version_num')::int / 10000") == [(15,)]
    assert migrate(old_database) == []


def test_messages_are_loaded_and_refused_there(old_database: str) -> None:
    """The whole transaction of a range, as the writer; the same messages again write nothing."""
    values = [to_bytes(a_chart_message(letter * 11)) for letter in "abc"] + [b"{broken"]
    load_values(old_database, CHARTS, values)
    load_values(old_database, CHARTS, values, first_offset=4)
    assert query(old_database, "select count(*), min(source_offset), max(source_offset) from processed.video") == [
        (3, 0, 2)
    ]
    assert query(old_database, "select reason from pipeline.dead_letter") == [("not_json",)] * 2
    ((tables,),) = query(old_database, "select tables from pipeline.batch_range order by batch_id desc limit 1")
    assert tables["processed.chart_entry"]["unchanged"] == 3


def test_a_topic_is_held_by_one_there(old_database: str) -> None:
    """Leases and what they are found by."""
    with (
        take_lease(old_database, "charts"),
        pytest.raises(TopicBusy, match=r"127\.0\.0\.1, process"),
        take_lease(old_database, "charts"),
    ):
        pass


def test_every_view_answers_there(old_database: str) -> None:
    """As an analyst."""
    views = query(
        old_database, "select format('%%I.%%I', schemaname, viewname) from pg_views where schemaname = 'trusted'"
    )
    assert len(views) > 10
    with closing(psycopg2.connect(old_database)) as connection, connection.cursor() as cursor:
        cursor.execute("set session authorization data_analyst")
        for (view,) in views:
            cursor.execute(f"select * from {view}")  # noqa: S608  (names from the catalogue)


def test_what_is_said_is_found_there(old_database: str) -> None:
    """Words, and what is close to a misspelled one."""
    with closing(psycopg2.connect(old_database)) as connection, connection, connection.cursor() as cursor:
        add_transcript(cursor, "dQw4w9WgXcQ", ["The lanterns drift along the river"])
    for words in ("lantern", "lanturns"):
        found = run_command(old_database, "search", words)
        assert (found.exit_code, "lanterns drift" in found.stdout) == (0, True), found.output


def test_the_doctor_finds_it_well(old_database: str, tmp_path: Path) -> None:
    """Its questions are understood there too."""
    patient = Patient(old_database, {**to_settings(old_database), "trendscript_home": tmp_path})
    names = ("postgres", "migrations", "trigrams", "roles", "leases", "batches", "database clock")
    found = patient.look(*names)
    assert {name: found[name].state for name in names} == dict.fromkeys(names, "ok"), found
