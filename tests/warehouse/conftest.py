"""A cursor on a migrated database, and the command line on it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest
from psycopg2.extensions import parse_dsn
from psycopg2.extras import RealDictCursor
from typer.testing import CliRunner

from trendscript.cli.main import app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typer.testing import Result


@pytest.fixture
def cursor(database: str) -> Iterator[RealDictCursor]:
    """A cursor on a migrated database of the test's own, in autocommit; rows are dictionaries."""
    with closing(psycopg2.connect(database)) as connection:
        connection.autocommit = True
        with connection.cursor(cursor_factory=RealDictCursor) as opened:
            yield opened


def read_rows(cursor: RealDictCursor, query: str, *parameters: Any) -> list[dict[str, Any]]:
    """The rows of a query."""
    cursor.execute(query, parameters)
    return [dict(row) for row in cursor.fetchall()]


def run_command(dsn: str, *arguments: str, **environment: str) -> Result:
    """Run `trendscript ARGUMENTS` in this process against the database of an address."""
    parts = parse_dsn(dsn)
    settings = {
        "POSTGRES_HOST": parts["host"],
        "POSTGRES_PORT": parts["port"],
        "POSTGRES_USER": parts["user"],
        "POSTGRES_PASSWORD": parts.get("password", ""),
        "POSTGRES_DB": parts["dbname"],
    }
    return CliRunner().invoke(app, arguments, env=settings | environment)
