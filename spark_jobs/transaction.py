"""A range's transaction in Postgres: Arrow rows go in by COPY, statements run, one COMMIT ends it.

Runs on executors. ADBC's own transactions refuse ROLLBACK TO after an error, so BEGIN, SAVEPOINT and
COMMIT are plain statements on a connection in autocommit mode.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self

import adbc_driver_postgresql
from adbc_driver_manager import AdbcConnection, Error
from adbc_driver_manager.dbapi import Connection

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    import pyarrow as pa

DEADLOCK = "40P01"
_MERGE_ATTEMPTS = 5

_SETTINGS = {
    "lock_timeout": "60s",
    "statement_timeout": "30min",
    "client_connection_check_interval": "5s",
    "work_mem": "64MB",
    "jit": "off",
    "synchronous_commit": "on",
}
_APPLY_SETTINGS = "select " + ", ".join(f"set_config('{name}', '{value}', true)" for name, value in _SETTINGS.items())


class RangeTransaction:
    """One READ COMMITTED transaction. Leaving the block without `commit` rolls everything back."""

    def __init__(self, dsn: str, name: str = "trendscript") -> None:
        """`dsn` is a libpq address; the server shows the connection by `name`. Raises adbc's Error when unreachable."""
        self._name = name
        self._connection = _open_database(dsn).connect()
        self._cursor = self._connection.cursor()
        # ADBC would wrap queries in COPY, which doesn't take statements that change data.
        self._cursor.adbc_statement.set_options(**{"adbc.postgresql.use_copy": False})

    def __enter__(self) -> Self:
        self.execute("select set_config('application_name', $1, false)", self._name)
        self.execute("begin isolation level read committed")
        self.execute(_APPLY_SETTINGS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The server rolls back what was not committed when the connection ends.
        self._cursor.close()
        self._connection.close()

    def execute(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run one statement; its rows, empty where it gives none."""
        self._cursor.execute(statement, parameters=parameters or None)
        return self._cursor.fetchall() if self._cursor.description else []

    def copy(self, stage: str, rows: pa.RecordBatch) -> None:
        """Append rows to a temporary table by binary COPY."""
        self._cursor.adbc_ingest(stage, rows, mode="append", temporary=True)

    def retry_deadlocks(self, merge: Callable[[], Any]) -> Any:
        """Run `merge` after a savepoint; a deadlock's victim rolls back to it and merges again.

        Any other error, and a deadlock that comes back five times, ends the transaction.
        """
        for attempt in range(1, _MERGE_ATTEMPTS + 1):
            self.execute("savepoint merge")
            try:
                return merge()
            except Error as error:
                if error.sqlstate != DEADLOCK or attempt == _MERGE_ATTEMPTS:
                    raise
                self.execute("rollback to savepoint merge")
        return None

    def commit(self) -> None:
        """Make the range durable. After this returns, its outcome is known; if it raises, it is not."""
        self.execute("commit")


class _Database:
    """A database whose types ADBC has looked up, which takes longer than a small range; for many connections."""

    def __init__(self, dsn: str) -> None:
        self._database = adbc_driver_postgresql.connect(dsn)

    def connect(self) -> Connection:
        return Connection(self, AdbcConnection(self._database), autocommit=True)  # type: ignore[arg-type]

    def close(self) -> None:
        """What a connection does to its database when it ends: this one stays open for the next."""


@lru_cache(maxsize=4)
def _open_database(dsn: str) -> _Database:
    return _Database(dsn)
