"""Surroundings: what checks look at, opened when one first asks: settings, contracts, Kafka and the warehouse."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from trendscript.contracts import load_contracts
from trendscript.local.jars import jars_folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from kafka import KafkaAdminClient
    from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2 spells its classes small)

    from trendscript.contracts import Contract
    from trendscript.settings import Settings

_CONNECT_SECONDS = 5
_STATEMENT_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From where on a check warns."""

    min_free_percent: float = 10.0
    stale_after: timedelta = timedelta(hours=1)
    planned_for: timedelta = timedelta(hours=2)
    skew: timedelta = timedelta(seconds=5)
    quota_percent: float = 80.0


@dataclass
class Surroundings:
    """What checks look at. `online` allows one request to YouTube, with the key. A context manager, which hangs up."""

    settings: Settings
    contracts: Mapping[str, Contract] = field(default_factory=load_contracts)
    thresholds: Thresholds = field(default_factory=Thresholds)
    jars: Path = field(default_factory=jars_folder)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    online: bool = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for opened in ("admin", "connection"):
            if opened in self.__dict__:
                self.__dict__[opened].close()

    @cached_property
    def kafka_options(self) -> dict[str, Any]:
        """How a client reaches Kafka. Raises NoServer or ClientPropertiesRefused."""
        from trendscript.endpoints import kafka_bootstrap_servers  # noqa: PLC0415  (keeps --help quick)
        from trendscript.kafka import client_options  # noqa: PLC0415  (as above)

        options = client_options(kafka_bootstrap_servers(self.settings), self.settings.kafka_client_properties)
        return options | {"bootstrap_timeout_ms": _CONNECT_SECONDS * 1000}

    @cached_property
    def admin(self) -> KafkaAdminClient:
        """A client of Kafka. To be used within `kafka_failures`."""
        from kafka import KafkaAdminClient  # noqa: PLC0415  (keeps --help quick)

        return KafkaAdminClient(**self.kafka_options)

    @cached_property
    def dsn(self) -> str:
        """The warehouse as the settings' user. Raises NoServer."""
        from trendscript.endpoints import postgres_dsn  # noqa: PLC0415  (keeps --help quick)

        return postgres_dsn(self.settings)

    @cached_property
    def connection(self) -> Connection:
        """A connection that can't write and doesn't wait. Raises what `trendscript.postgres.connect` raises."""
        from psycopg2.extensions import make_dsn  # noqa: PLC0415  (keeps --help quick)

        from trendscript.postgres import connect  # noqa: PLC0415  (keeps --help quick)

        dsn = make_dsn(self.dsn, connect_timeout=_CONNECT_SECONDS)
        connection = connect(dsn, application_name="trendscript doctor")
        connection.set_session(readonly=True, autocommit=True)
        with connection.cursor() as cursor:
            cursor.execute(f"set statement_timeout = '{_STATEMENT_SECONDS}s'")
        return connection

    def rows(self, statement: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        with self.connection.cursor() as cursor:
            cursor.execute(statement, parameters or None)
            return cursor.fetchall()
