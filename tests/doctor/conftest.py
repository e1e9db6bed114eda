"""A patient: settings that lead to the run's own servers, and findings by the name of their check."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest
from psycopg2.extensions import parse_dsn

from trendscript.doctor.checkup import CHECKS, examine
from trendscript.doctor.surroundings import Surroundings, Thresholds
from trendscript.settings import read_settings

if TYPE_CHECKING:
    from pathlib import Path

    from kafka.admin import KafkaAdminClient

    from tests.conftest import MakeTopic, Stack
    from trendscript.contracts import Contract
    from trendscript.doctor.finding import Finding


@dataclass(frozen=True)
class Patient:
    """What the doctor looks at; `but` changes any of it."""

    dsn: str
    settings: dict[str, Any]
    surroundings: dict[str, Any] = field(default_factory=dict)

    def but(self, *, dsn: str | None = None, surroundings: dict[str, Any] | None = None, **settings: Any) -> Patient:
        """The same with other settings, another database, or other things around it."""
        place = {} if dsn is None else to_settings(dsn)
        return replace(
            self,
            dsn=dsn or self.dsn,
            settings=self.settings | place | settings,
            surroundings=self.surroundings | (surroundings or {}),
        )

    def look(self, *names: str) -> dict[str, Finding]:
        """The findings of these checks and of those they stand on; of all if none is named."""
        wanted = [check for check in CHECKS if not names or check.name in names]
        needed = {name for check in wanted for name in check.stands_on}
        checks = [check for check in CHECKS if check in wanted or check.name in needed]
        with Surroundings(read_settings(**self.settings), **self.surroundings) as surroundings:
            return {result.name: result.finding for result in examine(surroundings, checks)}

    def find(self, name: str) -> Finding:
        """The finding of one check."""
        return self.look(name)[name]

    def execute(self, *statements: str) -> None:
        """Run statements as the superuser."""
        with closing(psycopg2.connect(self.dsn)) as connection, connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


def to_settings(dsn: str) -> dict[str, Any]:
    """Where a database is, as settings."""
    parts = parse_dsn(dsn)
    return {
        "postgres_host": parts["host"],
        "postgres_port": int(parts["port"]),
        "postgres_user": parts["user"],
        "postgres_password": parts.get("password", ""),
        "postgres_db": parts["dbname"],
    }


def thresholds(**changes: Any) -> dict[str, Any]:
    """Surroundings in which other thresholds hold."""
    return {"thresholds": replace(Thresholds(), **changes)}


@pytest.fixture
def patient(stack: Stack, database: str, tmp_path: Path) -> Patient:
    """The run's Kafka, a fresh migrated database, a lake and a home of the test's own."""
    return Patient(
        database,
        {
            **to_settings(database),
            "kafka_bootstrap_servers": stack.bootstrap_servers,
            "trendscript_home": tmp_path / "home",
            "lake_path": str(tmp_path / "lake"),
        },
    )


@pytest.fixture
def contract(make_topic: MakeTopic, kafka_admin: KafkaAdminClient) -> Contract:
    """A contract whose topic of the run's Kafka is as it says."""
    from trendscript.contracts import load_contract  # noqa: PLC0415  (only tests that need it should depend on it)
    from trendscript.kafka.topics import to_topic_options  # noqa: PLC0415  (as above)

    found = load_contract("youtube_trending")
    options = to_topic_options(found)
    topic = make_topic("doctor", partitions=found.partitions, configs=options["configs"])
    kafka_admin.wait_for_topics([topic])
    return replace(found, topic=topic)
