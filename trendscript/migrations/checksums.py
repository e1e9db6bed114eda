"""Checksums: what SQL a database was made with, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812  (a class with a lower-case name)

VIEWS = "views"
"""The name of all that follows the migrations: views, grants and comments."""


def read_checksums(connection: Connection) -> dict[str, str]:
    """Checksums of what the database was made with; empty for a database that was never migrated."""
    with connection.cursor() as cursor:
        cursor.execute("select from pg_tables where schemaname = 'pipeline' and tablename = 'sql_checksum'")
        if not cursor.rowcount:
            return {}
        cursor.execute("select name, sha256 from pipeline.sql_checksum")
        return dict(cursor.fetchall())


def save_checksum(connection: Connection, name: str, sha256: str) -> None:
    """Remember, in the running transaction, what was applied."""
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into pipeline.sql_checksum (name, sha256) values (%s, %s)"
            " on conflict (name) do update set sha256 = excluded.sha256, applied_at = excluded.applied_at",
            (name, sha256),
        )
