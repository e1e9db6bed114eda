"""yoyo's Postgres backend, made to work on one connection of ours, with a lock that can't be left behind."""

from __future__ import annotations

import socket
import uuid
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from yoyo.backends.core.postgresql import PostgresqlBackend

from trendscript.postgres import connect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from psycopg2 import sql
    from psycopg2.extensions import connection as Connection  # noqa: N812  (a class with a lower-case name)
    from yoyo.migrations import Migration

_LOCK = 0x7472656E64  # "trend": any number will do that no other program takes
_LOCK_TIMEOUT = "60s"


class Backend(PostgresqlBackend):  # type: ignore[misc]  # yoyo publishes no types
    """yoyo's Postgres, with its tables in schema pipeline."""

    schema = "pipeline"

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn, "_yoyo_migration")

    def connect(self, dburi: str) -> Connection:
        """Connect as the rest of the program does, without a transaction of psycopg2's: yoyo begins its own."""
        return connect(dburi, application_name="trendscript migrate", autocommit=True)

    def init_connection(self, connection: Connection) -> None:
        """Find yoyo's tables, and wait for nobody longer than a person would."""
        with connection.cursor() as cursor:
            cursor.execute(f"set search_path to {self.schema}; set lock_timeout to '{_LOCK_TIMEOUT}'")

    def list_tables(self, **_: Any) -> list[str]:
        """Names of the tables in our schema."""
        found = self.execute("select tablename from pg_tables where schemaname = 'pipeline'")
        return [row[0] for row in found.fetchall()]

    @contextmanager
    def lock(self, timeout: float = 0) -> Iterator[None]:  # noqa: ARG002  (lock_timeout does it)
        """Hold an advisory lock: the server lets go of it when the connection ends, however it ends.

        yoyo's own lock is a row, which a killed process leaves behind.
        """
        self.execute("select pg_advisory_lock(:lock)", {"lock": _LOCK})
        try:
            yield
        finally:
            if not self.connection.closed:
                self.execute("select pg_advisory_unlock(:lock)", {"lock": _LOCK})

    def copy(self) -> AbstractContextManager[Backend]:
        """Stay on this connection: yoyo would open another for each migration, and note it in a second transaction."""
        return nullcontext(self)

    def get_log_data(self, migration: Migration | None = None, operation: str = "apply") -> dict[str, Any]:
        """Say who applies a migration, also where the operating system has no name for this user."""
        return {
            "id": str(uuid.uuid4()),
            "migration_id": migration.id if migration else None,
            "migration_hash": migration.hash if migration else None,
            "username": self.connection.info.user,
            "hostname": socket.gethostname(),
            "created_at_utc": datetime.now(UTC).replace(tzinfo=None),
            "operation": operation,
        }

    def run(self, statements: str | sql.Composable) -> list[tuple[Any, ...]]:
        """Execute SQL as it stands (yoyo's `execute` reads colons as parameters) and return the rows, if any."""
        with self.connection.cursor() as cursor:
            cursor.execute(statements)
            return cursor.fetchall() if cursor.description else []

    def close(self) -> None:
        """End the connection."""
        self.connection.close()
