"""What a run over topics needs to know, and how its driver waits, connects and tells failures apart."""

from __future__ import annotations

import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import structlog

from spark_jobs.failures import SparkDied, database_failures
from spark_jobs.lease import LeaseLost
from spark_jobs.topic_state import read_topic_state
from trendscript.errors import ServerUnreachable, TryAgainLater
from trendscript.postgres import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2 spells its classes small)
    from pyspark.sql import SparkSession

    from spark_jobs.report import BatchReport
    from spark_jobs.topic_state import TopicState

_log = structlog.get_logger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Job:
    """What any work on the ledger needs.

    `on_step` hears of each step, with its topic, as it begins; `on_batch` of each batch as soon as it is committed.
    All work but a load waits up to `patience` seconds for whoever has the topic.
    What failed by a passing fault is tried `attempts` times in all, `retry_seconds` after the first and twice as long
    after each that follows.
    """

    dsn: str
    bootstrap_servers: str
    client_properties: Path | None
    max_messages: int
    on_step: Callable[[str, str], None] = field(default=lambda _topic, _step: None)
    on_batch: Callable[[str, BatchReport], None] = field(default=lambda _topic, _batch: None)
    patience: float = 0.0
    attempts: int = 4
    retry_seconds: float = 1.0

    def topic_state(self, topic: str) -> TopicState:
        """Ask Kafka who the topic is and what it holds now."""
        return read_topic_state(topic, self.bootstrap_servers, self.client_properties)

    @contextmanager
    def connected(self, purpose: str) -> Iterator[Connection]:
        """A connection of the driver's, which waits for no lock for ever. Raises LoadInterrupted or RangeRefused."""
        with (
            database_failures(purpose),
            closing(connect(self.dsn, application_name=f"trendscript {purpose}")) as connection,
        ):
            with connection, connection.cursor() as cursor:
                cursor.execute("set lock_timeout = '60s'")
            yield connection

    @contextmanager
    def timed(self, topic: str, step: str, seconds: dict[str, float]) -> Iterator[None]:
        """Tell that a step begins, and note how long it took."""
        self.on_step(topic, step)
        started = time.perf_counter()
        yield
        seconds[step] = round(time.perf_counter() - started, 3)

    def persist(self, topic: str, attempt: Callable[[], T]) -> T:
        """Try again a few times what failed by a passing fault, waiting longer each time."""
        for number in range(1, self.attempts):
            try:
                return attempt()
            except (SparkDied, LeaseLost):
                raise
            except (TryAgainLater, ServerUnreachable) as failure:
                _log.warning("batch_interrupted", topic=topic, attempt=number, cause=str(failure))
                time.sleep(self.retry_seconds * 2 ** (number - 1))
        return attempt()


@dataclass(frozen=True, kw_only=True)
class LoadJob(Job):
    """What a load or a replay needs besides. `lake` None leaves the lake out."""

    spark: SparkSession
    lake: str | None
    silver: bool = False
