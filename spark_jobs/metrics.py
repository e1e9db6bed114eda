"""Metrics of the load for Prometheus: the ledger, Kafka and a run that goes on are asked; samples come out."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from prometheus_client import Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from spark_jobs.failures import database_failures
from spark_jobs.lag import read_lags
from spark_jobs.metrics_ledger import read_state
from spark_jobs.metrics_sums import SumsReader
from trendscript.errors import TrendscriptError
from trendscript.postgres import connect

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from prometheus_client.metrics_core import Metric

    from spark_jobs.follow_status import FollowStatus
    from spark_jobs.job import Job
    from spark_jobs.lag import Lag
    from spark_jobs.metrics_ledger import LedgerState
    from spark_jobs.metrics_sums import Sums
    from spark_jobs.report import BatchReport

_PREFIX = "trendscript_load"
_FRESH_SECONDS = 5.0
_FAULT_SECONDS = 30.0
_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)


class ToJob(Protocol):
    """Gives what asking needs. Raises TrendscriptError where an address can't be had."""

    def __call__(self, *, with_kafka: bool) -> Job:
        """With the brokers' address, or without."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was found, None for what could not be asked, and why that is. Without the ledger there is no lag either."""

    ledger: tuple[Sums, LedgerState] | None
    lags: Mapping[str, Lag] | None
    failures: tuple[TrendscriptError, ...]


class LoadCollector(Collector):
    """Gives the metrics as they are when they are asked for; asked again within seconds, the same.

    Brokers that don't answer aren't asked at every scrape: one waits for them, the next ones tell the rest at once.
    """

    def __init__(self, to_job: ToJob, topics: Collection[str]) -> None:
        self._to_job = to_job
        self._topics = topics
        self._sums = SumsReader()
        self._lock = threading.Lock()
        self._reading: Reading | None = None
        self._read_again = 0.0
        self._kafka_failure: TrendscriptError | None = None
        self._ask_kafka_again = 0.0

    def read(self) -> Reading:
        """Ask ledger and Kafka, unless that was done a moment ago."""
        with self._lock:
            if self._reading is None or time.monotonic() > self._read_again:
                self._reading = self._read()
                self._read_again = time.monotonic() + _FRESH_SECONDS
            return self._reading

    def collect(self) -> Iterator[Metric]:
        """Every metric."""
        reading = self.read()
        yield _gauge("ledger_up", "1 where Postgres could be asked.", float(reading.ledger is not None))
        yield _gauge("kafka_up", "1 where Kafka could be asked.", float(reading.lags is not None))
        if reading.ledger is not None:
            yield from to_counters(reading.ledger[0])
            yield from to_gauges(reading.ledger[1])
        if reading.lags is not None:
            yield to_lag_gauge(reading.lags)

    def _read(self) -> Reading:
        try:
            ledger = self._read_ledger()
        except TrendscriptError as failure:
            return Reading(None, None, (failure,))
        if time.monotonic() > self._ask_kafka_again:
            try:
                return Reading(ledger, read_lags(self._to_job(with_kafka=True), self._topics), ())
            except TrendscriptError as failure:
                self._kafka_failure = failure
                self._ask_kafka_again = time.monotonic() + _FAULT_SECONDS
        return Reading(ledger, None, (self._kafka_failure,) if self._kafka_failure else ())

    def _read_ledger(self) -> tuple[Sums, LedgerState]:
        dsn = self._to_job(with_kafka=False).dsn
        with (
            database_failures("metrics"),
            closing(connect(dsn, application_name="trendscript metrics")) as connection,
        ):
            self._sums.settle(connection)
            with connection, connection.cursor() as cursor:
                cursor.execute("set transaction isolation level repeatable read read only")
                cursor.execute("set local statement_timeout = '60s'")
                return self._sums.read(cursor), read_state(cursor)


class FollowCollector(Collector):
    """The same of a run that goes on, with what only that run knows: its topics that fail, and its batches' seconds."""

    def __init__(self, load: LoadCollector, status: FollowStatus) -> None:
        self._load = load
        self._status = status
        self._histogram = Histogram(
            f"{_PREFIX}_batch_seconds",
            "Seconds by step of the batches of this run.",
            ["topic", "step"],
            buckets=_BUCKETS,
            registry=None,
        )

    def note_batch(self, topic: str, batch: BatchReport) -> None:
        """A batch is committed."""
        for step, seconds in batch.seconds.items():
            self._histogram.labels(topic, step).observe(seconds)

    def collect(self) -> Iterator[Metric]:
        """Every metric."""
        yield from self._load.collect()
        yield from self._histogram.collect()
        failing = {(topic, one.cause): float(one.times) for topic, one in self._status.failing().items()}
        yield _gauges(
            "topic_failures", "Failures in a row of topics that can't be loaded.", ["topic", "cause"], failing
        )


def to_counters(sums: Sums) -> Iterator[Metric]:
    """Counts since the first load."""
    yield _counter(
        "batches", "Batches that are committed or abandoned, by kind.", ["topic", "kind", "state"], sums.batches
    )
    yield _counter(
        "messages",
        "Messages by what became of them; skipped are offsets that held none.",
        ["topic", "kind", "outcome"],
        sums.messages,
    )
    yield _counter(
        "rows",
        "Rows by what became of them; deleted and stubs come on top of those that messages gave.",
        ["topic", "kind", "table", "outcome"],
        sums.rows,
    )


def to_gauges(state: LedgerState) -> Iterator[Metric]:
    """The ledger as it is now."""
    by_topic = ["topic"]
    last = state.last.items()
    yield _gauges(
        "last_committed_timestamp_seconds",
        "When the newest load was committed; time() less this is how long ago.",
        by_topic,
        {(topic,): batch.committed_at for topic, batch in last},
    )
    yield _gauges(
        "last_batch_quarantined_ratio",
        "Share of the newest load's messages that were refused, from 0 to 1.",
        by_topic,
        {(topic,): batch.quarantined for topic, batch in last},
    )
    yield _gauges(
        "last_batch_seconds",
        "Seconds by step of the newest load; copy and merge are parts of load, of the slowest partition.",
        ["topic", "step"],
        {(topic, step): seconds for topic, batch in last for step, seconds in batch.seconds.items()},
    )
    known = [*state.last, *(topic for topic in state.planned if topic not in state.last)]
    yield _gauges(
        "planned_batches",
        "Batches begun and not finished.",
        by_topic,
        {(topic,): float(topic in state.planned) for topic in known},
    )
    yield _gauges(
        "planned_timestamp_seconds",
        "Since when a batch is unfinished.",
        by_topic,
        {(topic,): since for topic, since in state.planned.items()},
    )
    yield _gauges(
        "open_dead_letters",
        "Messages in quarantine that wait for a decision.",
        by_topic,
        {(topic,): float(state.open_letters.get(topic, 0)) for topic in known},
    )
    yield _gauges(
        "lease_held",
        "1 while somebody works on the topic.",
        by_topic,
        {(topic,): float(topic in state.leases) for topic in known},
    )


def to_lag_gauge(lags: Mapping[str, Lag]) -> Metric:
    """What waits in Kafka."""
    return _gauges(
        "lag_messages",
        "Offsets that were not loaded yet: Kafka's end less the ledger's position.",
        ["topic", "partition"],
        {(topic, str(part)): float(count) for topic, lag in lags.items() for part, count in lag.partitions.items()},
    )


def _counter(name: str, text: str, labels: list[str], counts: Mapping[Any, int]) -> Metric:
    family = CounterMetricFamily(f"{_PREFIX}_{name}", text, labels=labels)
    for values, count in sorted(counts.items()):
        family.add_metric(values, count)
    return family


def _gauges(name: str, text: str, labels: list[str], values: Mapping[Any, float]) -> Metric:
    family = GaugeMetricFamily(f"{_PREFIX}_{name}", text, labels=labels)
    for found, value in sorted(values.items()):
        family.add_metric(found, value)
    return family


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{_PREFIX}_{name}", text, value=value)
