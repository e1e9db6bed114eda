"""Migrating: from nothing, from an earlier release, twice, two at once, and where something is in the way."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import pytest
from yoyo import read_migrations

from trendscript.migrations import VIEWS, DatabaseNotMigrated, migrate, migration_names, pending, require_migrated
from trendscript.migrations.apply import MigrationEdited, MigrationRefused
from trendscript.migrations.backend import Backend
from trendscript.migrations.checksums import save_checksum
from trendscript.migrations.sql_files import migration_checksum, read_sql

if TYPE_CHECKING:
    from typing import Any

    from tests.conftest import Stack


def _execute(dsn: str, statement: str) -> list[tuple[Any, ...]]:
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []


def _forget(dsn: str, name: str) -> None:
    """Let the database seem to have been made with another text under this name."""
    with closing(psycopg2.connect(dsn)) as connection, connection:
        save_checksum(connection, name, "other")


def _migrate_up_to(dsn: str, last: str) -> None:
    """Leave a database as a release did whose last migration this was."""
    with closing(Backend(dsn)) as backend:
        backend.run(read_sql("roles.sql"))
        backend.run("set role trendscript_owner")
        backend.ensure_internal_schema_updated()
        for migration in backend.to_apply(read_migrations("package:trendscript.data:sql/migrations")):
            backend.apply_one(migration)
            save_checksum(backend.connection, migration.id, migration_checksum(migration.id))
            if migration.id == last:
                return


def test_an_empty_database_gets_everything(empty_database: str) -> None:
    """All migrations and the views are applied and named; afterwards nothing is pending."""
    assert pending(empty_database) == [*migration_names(), VIEWS]
    assert migrate(empty_database) == [*migration_names(), VIEWS]
    assert pending(empty_database) == []


def test_a_second_time_changes_nothing(database: str) -> None:
    """Not even a row of the catalogue is written anew: the transaction ids of all tables and views stay."""
    query = "select oid, xmin::text from pg_class where relnamespace = any(%s::regnamespace[]) order by oid"
    schemas = "'{pipeline,processed,trusted}'"
    before = _execute(database, query.replace("%s", schemas))
    assert migrate(database) == []
    assert _execute(database, query.replace("%s", schemas)) == before


@pytest.mark.parametrize("last", migration_names()[:-1])
def test_every_earlier_release_comes_up_and_keeps_its_rows(empty_database: str, last: str) -> None:
    """Only what is missing is applied, and what was there stays."""
    _migrate_up_to(empty_database, last)
    _execute(empty_database, "insert into pipeline.topic (topic, cluster_id, topic_id) values ('t', 'c', 'i')")
    with pytest.raises(DatabaseNotMigrated):
        require_migrated(empty_database)
    assert migrate(empty_database) == [*migration_names()[migration_names().index(last) + 1 :], VIEWS]
    assert _execute(empty_database, "select topic from pipeline.topic") == [("t",)]
    require_migrated(empty_database)


def test_a_missing_database_is_created(stack: Stack) -> None:
    """Its encoding is UTF-8, whatever the server's templates have."""
    dsn = urlunsplit(urlsplit(stack.dsn)._replace(path="/made by migrate"))
    try:
        assert migrate(dsn) == [*migration_names(), VIEWS]
        assert _execute(dsn, "show server_encoding") == [("UTF8",)]
    finally:
        _execute(stack.dsn, 'drop database if exists "made by migrate" with (force)')


def test_two_at_once_apply_everything_once(empty_database: str) -> None:
    """One waits for the other, then finds nothing to do."""
    with ThreadPoolExecutor(2) as both:
        results = list(both.map(migrate, [empty_database] * 2))
    assert sorted(results, key=len) == [[], [*migration_names(), VIEWS]]


def test_a_failure_applies_nothing_at_all(empty_database: str) -> None:
    """A table of somebody's in the way of the second migration: the first is not applied either."""
    _execute(
        empty_database, read_sql("roles.sql") + "set role trendscript_owner; create table processed.video (i integer)"
    )
    with pytest.raises(MigrationRefused, match="Nothing was changed"):
        migrate(empty_database)
    assert pending(empty_database) == [*migration_names(), VIEWS]
    assert _execute(empty_database, "select from pg_tables where tablename = 'batch'") == []


def test_an_edited_migration_is_refused(database: str) -> None:
    """A file that differs from what the database was made with is named, and nothing is done."""
    name = migration_names()[0]
    _forget(database, name)
    with pytest.raises(MigrationEdited, match=name):
        migrate(database)


def test_changed_views_are_made_anew_and_those_of_others_stop_it(database: str) -> None:
    """A view that an analyst built on ours is named, never dropped."""
    _forget(database, VIEWS)
    assert pending(database) == [VIEWS]
    require_migrated(database)
    assert migrate(database) == [VIEWS]
    _forget(database, VIEWS)
    _execute(database, "create view public.mine as select * from trusted.q06_channels")
    with pytest.raises(MigrationRefused, match="mine"):
        migrate(database)
    assert _execute(database, "select from public.mine") == []


def test_who_may_not_migrate_is_told(stack: Stack, database: str) -> None:
    """A user without the right gets a sentence that says which right, and nothing of the password."""
    user = f"passer_by_{uuid.uuid4().hex[:8]}"
    _execute(stack.dsn, f"create role {user} login password 'open sesame'")
    try:
        _execute(database, "update pipeline.sql_checksum set sha256 = 'other'")
        address = urlsplit(database)
        login = f"{user}:open%20sesame@{address.netloc.rpartition('@')[2]}"
        with pytest.raises(MigrationRefused, match=f"{user}.*permission denied") as refusal:
            migrate(urlunsplit(address._replace(netloc=login)))
        assert "sesame" not in str(refusal.value)
    finally:
        _execute(stack.dsn, f"drop role {user}")


def test_an_unmigrated_database_is_named_with_what_it_lacks(empty_database: str) -> None:
    """The sentence says what to run."""
    with pytest.raises(DatabaseNotMigrated, match=r"0001_ledger.*trendscript migrate") as refusal:
        require_migrated(empty_database)
    assert refusal.value.exit_code == 78
    assert refusal.value.missing == migration_names()


def test_trigrams_in_another_schema_are_named_with_their_mend(empty_database: str) -> None:
    """Others may rely on where they are, so they are not moved unasked; moved, the migration goes through."""
    _execute(empty_database, "create schema extensions; create extension pg_trgm with schema extensions")
    with pytest.raises(MigrationRefused, match=r"pg_trgm is in schema extensions.*alter extension pg_trgm set schema"):
        migrate(empty_database)
    assert pending(empty_database) == [*migration_names(), VIEWS]
    _execute(empty_database, "alter extension pg_trgm set schema public")
    assert migrate(empty_database) == [*migration_names(), VIEWS]


def test_all_belongs_to_the_owner(database: str) -> None:
    """No table or view belongs to whoever ran the migration, so any member of the owner can run the next."""
    query = """
        select distinct relowner::regrole::text from pg_class
        where relnamespace = any('{pipeline,processed,trusted}'::regnamespace[])
    """
    assert _execute(database, query) == [("trendscript_owner",)]
