"""Connections to Postgres: an address goes in, a connection or one sentence about why there is none comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg2
from psycopg2.extensions import make_dsn, parse_dsn

from trendscript.errors import NeedsAPerson, ServerUnreachable, TryAgainLater

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812  (a class with a lower-case name)

_TIMEOUTS = {
    "connect_timeout": "10",
    "keepalives": "1",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
"""A peer that vanished is noticed within half a minute: libpq's own defaults wait for two hours."""


UNTRUSTED = (
    "certificate verify failed",
    "server certificate for",
    "root certificate",
    "does not support SSL",
    "SSL connection is required",
)
"""libpq's words where TLS can't be had, or not from a server that is to be trusted."""


_REFUSED = ("password", "authentication", "role ", "valid client certificate", "pg_hba.conf", "permission denied")


class PostgresUnreachable(ServerUnreachable):
    """Raised when no Postgres answers at the address."""


class PostgresBusy(TryAgainLater):
    """Raised when Postgres answers that it takes no connection now: starting, stopping, or full."""


class PostgresRefused(NeedsAPerson):
    """Raised when Postgres refuses the user: wrong or missing password, unknown role, no right to connect, no TLS."""


class PostgresUntrusted(NeedsAPerson):
    """Raised when the server can't prove who it is: another authority, another name, or no certificate at all."""


class DatabaseMissing(NeedsAPerson):
    """Raised when the server has no database of that name."""


def connect(dsn: str, *, application_name: str, autocommit: bool = False) -> Connection:
    """Open a connection; `dsn` is a libpq URI, and `application_name` is what pg_stat_activity shows of us.

    A dead network is noticed within half a minute. The text of an error names host, port, database and
    user, and never the password.

    Raises PostgresUnreachable, PostgresBusy, PostgresRefused, PostgresUntrusted or DatabaseMissing.
    """
    try:
        connection: Connection = psycopg2.connect(_complete(dsn, application_name))
    except psycopg2.ProgrammingError:
        # Not chained: libpq quotes the address that it can't read, password and all.
        raise PostgresRefused(
            "The address of Postgres can't be read. It must look like postgresql://USER@HOST:PORT/DATABASE."
        ) from None
    except psycopg2.OperationalError as error:
        raise _named(error, dsn) from error
    connection.autocommit = autocommit
    return connection


def describe(dsn: str) -> str:
    """Say where an address leads, fit for a person's eyes: no password."""
    parts = parse_dsn(dsn)
    where = f"{parts.get('host', 'the local socket')}:{parts.get('port', '5432')}"
    return f"{where}, database {parts.get('dbname', '')!r}, user {parts.get('user', '')!r}"


def _complete(dsn: str, application_name: str) -> str:
    """The address with our time-outs, but for those it sets itself."""
    completed: str = make_dsn(**{**_TIMEOUTS, **parse_dsn(dsn), "application_name": application_name})
    return completed


def _named(error: psycopg2.OperationalError, dsn: str) -> Exception:
    """Tell the failures of connecting apart by libpq's words: psycopg2 carries no SQLSTATE for them."""
    said = " ".join(str(error).split())
    where = describe(dsn)
    if any(words in said for words in UNTRUSTED):
        return PostgresUntrusted(
            f"Postgres can't prove who it is ({where}): {_last_words(said)}. Check POSTGRES_SSLROOTCERT, the file with "
            "its authority's certificate, and POSTGRES_HOST, which must be as in its own; POSTGRES_SSLMODE says how "
            "much is checked."
        )
    if "no encryption" in said and "password authentication failed" not in said:
        return PostgresRefused(
            f"Postgres refuses the connection ({where}): {_last_words(said)}. It lets this user in by TLS only, or not "
            "at all: set POSTGRES_SSLMODE to verify-full, and POSTGRES_SSLROOTCERT."
        )
    if "does not exist" in said and "database " in said and "role " not in said:
        return DatabaseMissing(f"Postgres has no such database ({where}). Run `trendscript migrate`, which creates it.")
    if any(words in said for words in _REFUSED):
        return PostgresRefused(
            f"Postgres refuses the connection ({where}): {_last_words(said)}. "
            "Check POSTGRES_USER, POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE."
        )
    if any(words in said for words in ("starting up", "shutting down", "too many clients", "connection slots")):
        return PostgresBusy(f"Postgres takes no connection now ({where}): {_last_words(said)}. Try again in a moment.")
    return PostgresUnreachable(
        f"Postgres can't be reached ({where}): {_last_words(said)}. "
        "Start it (`trendscript up` for the local one), or check POSTGRES_HOST and POSTGRES_PORT."
    )


def _last_words(said: str) -> str:
    """The cause without libpq's preamble, which repeats the address."""
    # With sslmode=prefer a refused password is tried again without TLS, which then says something else.
    _, refused, whom = said.partition("password authentication failed")
    first = (refused + whom).partition(" connection to server")[0]
    cause = (first or said.rpartition(" failed: ")[2]).removeprefix("FATAL: ").strip()
    return cause.partition(" Is the server running")[0].rstrip(".")
