"""Real servers for every test that asks: one stack a run, a database and topics of its own for each test."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import pytest
import structlog
from kafka.admin import KafkaAdminClient, NewTopic

from trendscript.local import stack as local_stack

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Stack:
    """The run's own servers. `dsn` is the superuser's, of the database `trendscript`; tests leave that one alone."""

    home: Path
    bootstrap_servers: str
    dsn: str


class MakeTopic(Protocol):
    """Creates a topic under a name that no other test has, and returns the name."""

    def __call__(self, name: str = "topic", *, partitions: int = 1, configs: dict[str, str] | None = None) -> str:
        """Create it; `name` begins the name it gets."""


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Kafka and Postgres under a folder of this run, stopped and deleted at its end."""
    # Java lives for minutes here and never earns back its second compiler; a third of the CPU time goes without it.
    os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
    home = Path(tempfile.mkdtemp(prefix="trendscript-test-"))
    home.chmod(0o711)  # as root, Postgres runs under another account and has to get in
    try:
        found = local_stack.up(home)
        assert found.kafka.address
        assert found.postgres.address
        # Nothing here has to survive a power cut, and templates are copied faster without.
        _execute(found.postgres.address, "alter system set fsync = off", "select pg_reload_conf()")
        yield Stack(home, found.kafka.address, found.postgres.address)
    finally:
        local_stack.down(home)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """A command sets up logging for its process, to a standard error that is closed when its test ends."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def empty_database(stack: Stack) -> Iterator[str]:
    """The DSN of a fresh database without any migration."""
    with _a_database(stack.dsn, template="template0") as dsn:
        yield dsn


@pytest.fixture
def database(stack: Stack, migrated_template: str) -> Iterator[str]:
    """The DSN of a fresh database with all migrations."""
    with _a_database(stack.dsn, template=migrated_template) as dsn:
        yield dsn


@pytest.fixture(scope="session")
def migrated_template(stack: Stack) -> str:
    """The name of a migrated database to copy from; nobody stays connected to it."""
    from trendscript.migrations import migrate  # noqa: PLC0415  (only tests that need it should depend on it)

    name = f"template_{uuid.uuid4().hex[:8]}"
    _execute(stack.dsn, f"create database {name} template template0")
    migrate(_at(stack.dsn, name))
    return name


@pytest.fixture(scope="session")
def kafka_admin(stack: Stack) -> Iterator[KafkaAdminClient]:
    """A client that creates, describes and deletes topics."""
    admin = KafkaAdminClient(bootstrap_servers=stack.bootstrap_servers)
    yield admin
    admin.close()


@pytest.fixture
def make_topic(kafka_admin: KafkaAdminClient) -> MakeTopic:
    """A function that creates fresh topics."""

    def make(name: str = "topic", *, partitions: int = 1, configs: dict[str, str] | None = None) -> str:
        topic = f"{name}_{uuid.uuid4().hex[:8]}"
        kafka_admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=configs or {})])
        kafka_admin.wait_for_topics([topic], timeout_ms=60_000)  # Kafka confirms a topic before it has leaders
        return topic

    return make


@contextmanager
def _a_database(dsn: str, *, template: str) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex[:8]}"
    _execute(dsn, f"create database {name} template {template}")
    try:
        yield _at(dsn, name)
    finally:
        _execute(dsn, f"drop database {name} with (force)")


def _at(dsn: str, database: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{database}"))


def _execute(dsn: str, *statements: str) -> None:
    connection = psycopg2.connect(dsn)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
    finally:
        connection.close()
