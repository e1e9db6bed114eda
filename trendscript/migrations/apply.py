"""Applying: a database's address goes in, the database is made or brought up to date, in one transaction.

yoyo reads the migrations and remembers which were applied. A crash leaves the database as it was, and a
checksum tells when an applied file was edited.
"""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from psycopg2 import Error, OperationalError, errors, sql
from psycopg2.extensions import make_dsn, parse_dsn
from yoyo import read_migrations

from trendscript.errors import NeedsAPerson, TryAgainLater
from trendscript.migrations.backend import Backend
from trendscript.migrations.checksums import VIEWS, read_checksums, save_checksum
from trendscript.migrations.sql_files import (
    column_comments,
    migration_checksum,
    migration_names,
    read_sql,
    view_texts,
    views_checksum,
)
from trendscript.postgres import DatabaseMissing, connect, describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (a class with a lower-case name)

_OWNER = "trendscript_owner"
_MAINTENANCE_DATABASE = "postgres"


class MigrationEdited(NeedsAPerson):
    """Raised when an applied migration's file has changed: what the database is can't be told from the files."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"sql/migrations/{name}.sql differs from what this database was made with. "
            "Put the file back as it was released, and bring the change as a migration of its own."
        )


class MigrationRefused(NeedsAPerson):
    """Raised when the connecting user may not do what migrations do, or something of the operator's is in the way."""


class MigrationUnderWay(TryAgainLater):
    """Raised when locks that a migration needs are held by others for longer than a minute."""


def apply_migrations(dsn: str) -> list[str]:
    """Do what `trendscript.migrations.migrate` promises."""
    _create_database(dsn)
    with closing(Backend(dsn)) as backend, _failures(dsn), backend.lock():
        backend.run(read_sql("roles.sql"))
        backend.run(f"set role {_OWNER}")
        backend.ensure_internal_schema_updated()
        with backend.transaction():
            applied = read_checksums(backend.connection)
            _check_unedited(applied)
            return _apply_missing(backend, applied)


def _check_unedited(applied: dict[str, str]) -> None:
    for name in migration_names():
        if name in applied and applied[name] != migration_checksum(name):
            raise MigrationEdited(name)


def _apply_missing(backend: Backend, applied: dict[str, str]) -> list[str]:
    migrations = list(backend.to_apply(read_migrations("package:trendscript.data:sql/migrations")))
    if not migrations and applied.get(VIEWS) == views_checksum():
        return []
    _drop_views(backend)  # before the migrations: a table can't be altered under a view
    for migration in migrations:
        backend.apply_one(migration)
        save_checksum(backend.connection, migration.id, migration_checksum(migration.id))
    _create_views(backend)
    save_checksum(backend.connection, VIEWS, views_checksum())
    return [*(migration.id for migration in migrations), VIEWS]


def _drop_views(backend: Backend) -> None:
    """Drop our views in one statement, so that their order doesn't matter; never what others built on them."""
    found = backend.run("select viewname from pg_views where schemaname = 'trusted'")
    if found:
        names = sql.SQL(", ").join(sql.Identifier("trusted", name) for (name,) in found)
        backend.run(sql.SQL("drop view {}").format(names))


def _create_views(backend: Backend) -> None:
    for text in view_texts():
        backend.run(text)
    for kind, path, text in column_comments():
        comment = sql.SQL("comment on {} {} is {}")
        backend.run(comment.format(sql.SQL(kind), sql.Identifier(*path), sql.Literal(text)))
    backend.run(read_sql("grants.sql"))


def _create_database(dsn: str) -> None:
    """Create the database of the address where the server lacks it."""
    try:
        connect(dsn, application_name="trendscript migrate").close()
    except DatabaseMissing:
        maintenance = make_dsn(dsn, dbname=_MAINTENANCE_DATABASE)
        connection = connect(maintenance, application_name="trendscript migrate", autocommit=True)
        with closing(connection), _failures(dsn), connection.cursor() as cursor:
            _create_once(cursor, parse_dsn(dsn)["dbname"])


def _create_once(cursor: Cursor, name: str) -> None:
    """Create the database with template0, the only template that takes an encoding other than its own."""
    statement = sql.SQL("create database {} encoding 'UTF8' template template0")
    try:
        cursor.execute(statement.format(sql.Identifier(name)))
    except (errors.DuplicateDatabase, errors.UniqueViolation):
        return  # another process created it since we looked


@contextmanager
def _failures(dsn: str) -> Iterator[None]:
    """Turn what the server says to a migration into a sentence where a person can act on it."""
    try:
        yield
    except errors.InsufficientPrivilege as error:
        raise MigrationRefused(
            f"The user may not migrate ({describe(dsn)}): {_message(error)}. Connect as a superuser, "
            f"or as the database's owner who may create roles or is a member of {_OWNER}."
        ) from error
    except errors.DependentObjectsStillExist as error:
        raise MigrationRefused(
            f"Something that is not ours depends on a view of schema trusted ({describe(dsn)}): {_message(error)}. "
            "Drop it, run `trendscript migrate`, and make it again."
        ) from error
    except (errors.LockNotAvailable, errors.DeadlockDetected) as error:
        raise MigrationUnderWay(
            f"Others hold locks that the migration needs ({describe(dsn)}): another migration, a load, or a long "
            "query. Nothing was changed; try again when they are done."
        ) from error
    except OperationalError:
        raise
    except Error as error:
        raise MigrationRefused(
            f"The database can't be brought up to date ({describe(dsn)}): {_message(error)}. Nothing was changed. "
            "If something of your own has the name of one of our tables or views, rename it and run this again."
        ) from error


def _message(error: Error) -> str:
    parts = (error.diag.message_primary, error.diag.message_detail)
    return "; ".join(" ".join(part.split()) for part in parts if part)
