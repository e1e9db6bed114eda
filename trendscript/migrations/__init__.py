"""Migrations: the numbered SQL files, the views and the grants go in, a database up to date comes out."""

from __future__ import annotations

from contextlib import closing

from psycopg2 import errors

from trendscript.errors import NeedsAPerson
from trendscript.migrations.checksums import VIEWS, read_checksums
from trendscript.migrations.sql_files import migration_names, views_checksum
from trendscript.postgres import DatabaseMissing, connect

__all__ = ["VIEWS", "DatabaseNotMigrated", "migrate", "migration_names", "pending", "require_migrated"]


class DatabaseNotMigrated(NeedsAPerson):
    """Raised when the database lacks migrations of this release."""

    def __init__(self, missing: list[str]) -> None:
        self.missing = missing
        super().__init__(f"The database lacks {', '.join(missing)}. Run `trendscript migrate`.")


def migrate(dsn: str) -> list[str]:
    """Bring the database up to this release, creating it if it is missing; return the names of what was applied.

    Nothing is applied twice, and a failure applies nothing at all. The last name is `VIEWS` when views, grants
    and comments were made anew, which happens when their files or the contracts have changed.

    Raises MigrationEdited, MigrationRefused, MigrationUnderWay (`trendscript.migrations.apply`), and what
    `trendscript.postgres.connect` raises.
    """
    from trendscript.migrations.apply import apply_migrations  # noqa: PLC0415  (yoyo is slow to import)

    return apply_migrations(dsn)


def pending(dsn: str) -> list[str]:
    """Name, in order, the migrations of this release that the database lacks; `VIEWS` too, if those are not current.

    Of a role that may not read the record of migrations, the views alone are named.

    Raises what `connect` raises, but no DatabaseMissing: a database that is missing lacks them all.
    """
    try:
        connection = connect(dsn, application_name="trendscript migrate", autocommit=True)
    except DatabaseMissing:
        return [*migration_names(), VIEWS]
    with closing(connection):
        try:
            applied = read_checksums(connection)
        except errors.InsufficientPrivilege:
            return [VIEWS]  # an analyst may not look; what was missed led here
    missing = [name for name in migration_names() if name not in applied]
    return missing if applied.get(VIEWS) == views_checksum() else [*missing, VIEWS]


def require_migrated(dsn: str) -> None:
    """Raise DatabaseNotMigrated unless all migrations of this release are applied. Views don't count."""
    missing = [name for name in pending(dsn) if name != VIEWS]
    if missing:
        raise DatabaseNotMigrated(missing)
