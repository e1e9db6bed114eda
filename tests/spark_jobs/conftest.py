"""A topic, a database and a warm Spark session, put together as a load uses them."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson
import psycopg2
import pytest

from spark_jobs.job import LoadJob
from spark_jobs.load import load_topic, rehearse_topic
from spark_jobs.replay import Asked, rehearse_replay, replay_topic
from spark_jobs.session import build_session
from tests.builders import query
from tests.series import DDL
from tests.spark_jobs.quarantined import as_writer, under
from trendscript.contracts import load_contract, load_contracts
from trendscript.kafka import Message, ensure_topics, publish

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyspark.sql import SparkSession

    from spark_jobs.report import TopicReport
    from tests.conftest import MakeTopic, Stack
    from trendscript.contracts import Contract


@pytest.fixture(scope="session")
def spark(stack: Stack) -> Iterator[SparkSession]:
    """One session a run: starting the JVM takes longer than most tests."""
    session = build_session("local[2]", stack.home / "logs" / "spark.log")
    yield session
    session.stop()


@dataclass
class Loading:
    """A topic with the charts' contract, and everything needed to fill and load it."""

    contract: Contract
    job: LoadJob
    dsn: str

    @property
    def topic(self) -> str:
        """Name of the test's own topic."""
        return self.contract.topic

    def publish(self, *values: dict[str, Any] | bytes | None, key: bytes | None = None) -> None:
        """Send messages, envelopes or raw bytes, keyed by their video unless `key` is given."""
        publish(
            (_to_message(self.topic, value, key) for value in values),
            bootstrap_servers=self.job.bootstrap_servers,
            client_properties=None,
        )

    def load(self, **changes: Any) -> TopicReport:
        """Run the load; `changes` are fields of its job."""
        return load_topic(replace(self.job, **changes), self.contract)

    def replay(self, *, job: dict[str, Any] | None = None, dry_run: bool = False, **asked: Any) -> TopicReport:
        """Run a replay; `asked` are the fields of what it asks for, `job` those of its job."""
        run = rehearse_replay if dry_run else replay_topic
        return run(replace(self.job, **(job or {})), self.contract, Asked(**asked))

    def under(self, **columns: dict[str, Any]) -> Loading:
        """The same with another contract: fields of the video's columns changed, by name of the column."""
        return replace(self, contract=under(self.contract, **columns))

    def rehearse(self) -> TopicReport:
        """Run the load with --dry-run."""
        return rehearse_topic(self.job, self.contract)

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of a statement, as the superuser; what it changes is kept."""
        with closing(psycopg2.connect(self.dsn)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """The charts' tables, by name, in every contract column, sorted by key."""
        return {
            table.name: self.query(
                f"select {', '.join(table.column_names)} from {table.physical_name} order by {', '.join(table.key)}"  # noqa: S608  (names from the contract)
            )
            for table in self.contract.tables
        }


def _to_message(topic: str, value: dict[str, Any] | bytes | None, key: bytes | None) -> Message:
    if isinstance(value, dict):
        item = value.get("item") or {}
        return Message(topic, key or str(item.get("id", "none")).encode(), orjson.dumps(value))
    return Message(topic, key or b"key", value)


@pytest.fixture
def loading(stack: Stack, spark: SparkSession, database: str, make_topic: MakeTopic, tmp_path: Path) -> Loading:
    """A load of the charts' contract over a fresh topic of two partitions, into a fresh database and lake."""
    topic = make_topic("charts", partitions=2, configs={"max.message.bytes": "8388608"})
    contract = replace(load_contract("youtube_trending"), topic=topic)
    job = LoadJob(
        spark=spark,
        dsn=as_writer(database),
        bootstrap_servers=stack.bootstrap_servers,
        client_properties=None,
        lake=str(tmp_path / "lake"),
        max_messages=500_000,
        retry_seconds=0.1,
    )
    return Loading(contract, job, database)


@pytest.fixture
def series_database(empty_database: str) -> str:
    """A database with the tables of the made-up contract."""
    query(empty_database, DDL)
    return empty_database


@pytest.fixture
def environment(stack: Stack, database: str, tmp_path: Path) -> dict[str, str]:
    """Settings that lead to the run's servers and the test's own database, home and lake."""
    place = urlsplit(database)
    return {
        "TRENDSCRIPT_HOME": str(tmp_path),
        "KAFKA_BOOTSTRAP_SERVERS": stack.bootstrap_servers,
        "POSTGRES_HOST": place.hostname or "",
        "POSTGRES_PORT": str(place.port),
        "POSTGRES_USER": place.username or "",
        "POSTGRES_PASSWORD": place.password or "",
        "POSTGRES_DB": place.path.strip("/"),
    }


@pytest.fixture
def topics(stack: Stack) -> None:
    """The topics of all contracts, shared by the tests of this run."""
    ensure_topics(load_contracts().values(), bootstrap_servers=stack.bootstrap_servers, client_properties=None)
