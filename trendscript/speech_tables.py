"""The warehouse's tables of speech: a query goes in, its rows come out, or one sentence about why there are none."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2 import errors

from trendscript.errors import NeedsAPerson
from trendscript.postgres import PostgresUnreachable, connect, describe

if TYPE_CHECKING:
    from collections.abc import Mapping


class WarehouseWithoutSpeech(NeedsAPerson):
    """Raised when the database lacks the tables of speech."""


def read_rows(dsn: str, query: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Rows of a query, over a connection of its own that can't write.

    Raises WarehouseWithoutSpeech, and what `trendscript.postgres.connect` raises.
    """
    with closing(connect(dsn, application_name="trendscript speech")) as connection:
        try:
            connection.set_session(readonly=True)
            with connection.cursor() as cursor:
                cursor.execute(query, parameters)
                return cursor.fetchall()
        except (errors.UndefinedTable, errors.UndefinedColumn, errors.InvalidSchemaName) as error:
            raise WarehouseWithoutSpeech(
                f"The warehouse has no tables of speech ({describe(dsn)}). Run `trendscript migrate`."
            ) from error
        except psycopg2.OperationalError as error:
            raise PostgresUnreachable(
                f"Postgres was lost while it was asked ({describe(dsn)}): {' '.join(str(error).split())}. Try again."
            ) from error
