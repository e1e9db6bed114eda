"""The warehouse, with what is amiss brought about in a real one."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.builders import query
from tests.doctor.conftest import thresholds
from trendscript.migrations import migration_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.doctor.conftest import Patient


@contextmanager
def _renamed(dsn: str, role: str) -> Iterator[None]:
    """As if the role had been dropped, for the whole server; it comes back as it was."""
    query(dsn, f"alter role {role} rename to {role}_gone")
    try:
        yield
    finally:
        query(dsn, f"alter role {role}_gone rename to {role}")


def test_a_dropped_role_is_broken(patient: Patient) -> None:
    """By its name, with what makes it anew."""
    assert patient.find("roles").state == "ok"
    with _renamed(patient.dsn, "data_analyst"):
        found = patient.find("roles")
    assert (found.state, found.found) == ("broken", "Missing: data_analyst.")
    assert "trendscript migrate" in found.mend


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("grant update on processed.video to data_analyst", "data_analyst may update processed.video"),
        ("grant select on pipeline.dead_letter to data_analyst", "data_analyst may select pipeline.dead_letter"),
        ("grant create on schema trusted to data_analyst", "data_analyst may create in schema trusted"),
        ("revoke insert on processed.video from pipeline_writer", "pipeline_writer may not insert processed.video"),
        ("revoke update on pipeline.position from pipeline_writer", "pipeline_writer may not update pipeline.position"),
        ("revoke delete on processed.chart_entry from pipeline_janitor", "pipeline_janitor may not delete processed."),
        ("revoke select on trusted.current_chart from data_analyst", "data_analyst may not read current_chart"),
        ("revoke select on processed.video from data_analyst", "data_analyst may not select processed.video"),
    ],
)
def test_a_grant_too_many_or_too_few_is_broken(patient: Patient, statement: str, words: str) -> None:
    """Analysts write nothing and see no ledger; the writer can do its work."""
    patient.execute(statement)
    found = patient.find("roles")
    assert found.state == "broken"
    assert words in found.found


def test_an_analyst_who_is_a_member_of_the_writer_is_broken(patient: Patient) -> None:
    """What a role may do, its members may."""
    patient.execute("grant pipeline_writer to data_analyst")
    try:
        found = patient.find("roles")
    finally:
        patient.execute("revoke pipeline_writer from data_analyst")
    assert found.state == "broken"
    assert "data_analyst may insert" in found.found


def test_a_changed_migration_is_broken(patient: Patient) -> None:
    """What the database is can't be told from the files any more; what stands on it is skipped."""
    name = migration_names()[1]
    query(patient.dsn, "update pipeline.sql_checksum set sha256 = 'other' where name = %s", [name])
    found = patient.look("migrations", "roles")
    assert (found["migrations"].state, name in found["migrations"].found) == ("broken", True)
    assert found["roles"].state == "skipped"


@pytest.mark.parametrize(
    ("statement", "state", "words"),
    [
        ("delete from pipeline.sql_checksum where name like '0003%'", "broken", "Not applied: 0003"),
        ("insert into pipeline.sql_checksum (name, sha256) values ('9999_later', '')", "warning", "9999_later"),
        ("update pipeline.sql_checksum set sha256 = '' where name = 'views'", "warning", "Views and grants"),
    ],
)
def test_a_database_of_another_release_is_named(patient: Patient, statement: str, state: str, words: str) -> None:
    """Older ones lack something, later ones know more."""
    patient.execute(statement)
    found = patient.find("migrations")
    assert (found.state, words in found.found) == (state, True)


def test_a_database_that_was_never_migrated_lacks_everything(patient: Patient, empty_database: str) -> None:
    """As does one that isn't there."""
    found = patient.but(dsn=empty_database).look()
    assert (found["migrations"].state, found["roles"].state) == ("broken", "skipped")
    missing = patient.but(postgres_db="not_there").find("postgres")
    assert (missing.state, "trendscript migrate" in missing.found) == ("broken", True)


def test_trigrams_in_another_schema_are_broken(patient: Patient) -> None:
    """Searches would not find them; the statement that moves them is given."""
    assert patient.find("trigrams").state == "ok"
    patient.execute("create schema extensions", "alter extension pg_trgm set schema extensions")
    found = patient.find("trigrams")
    assert (found.state, "in schema extensions" in found.found) == ("broken", True)
    patient.execute(found.mend.partition(": ")[2].rstrip("."))
    assert patient.find("trigrams").state == "ok"


def test_a_clock_that_is_apart_is_a_warning(patient: Patient) -> None:
    """The same clock is never apart, but for a threshold below nothing."""
    assert patient.find("database clock").state == "ok"
    found = patient.but(surroundings=thresholds(skew=timedelta(seconds=-60))).find("database clock")
    assert (found.state, "NTP" in found.mend) == ("warning", True)


def test_who_may_not_look_is_told_so(patient: Patient) -> None:
    """An analyst sees no ledger; that breaks nothing, and the password stands nowhere."""
    secret = {"postgres_user": "data_analyst", "postgres_password": "open sesame"}
    found = replace(patient, settings=patient.settings | secret).look()
    assert found["postgres"].state == "ok"
    assert found["migrations"].state == "skipped"
    assert "permission denied" in found["migrations"].found
    assert "sesame" not in str(found)
