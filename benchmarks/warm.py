"""A warm load: in a session that has loaded before, in turn with the loader made by hand, and the same messages again.

The peers' work first, then the three tables of `youtube_trending`, without a lake and with it.
"""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

import orjson

from benchmarks.figures import Figure, Runs
from benchmarks.machine import say
from benchmarks.peers_work import (
    bench_contract,
    count_rows,
    fill_topic,
    make_tables,
    settle,
    take_records,
    wal_position,
)
from spark_jobs.job import LoadJob
from spark_jobs.load import load_topic
from spark_jobs.replay import Asked, replay_topic
from spark_jobs.session import build_session
from tests.spark_jobs.quarantined import as_writer
from trendscript.contracts import load_contract
from trendscript.kafka import ensure_topics, publish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyspark.sql import SparkSession

    from spark_jobs.report import TopicReport
    from tests.real.warehouse import Servers, Warehouse
    from trendscript.contracts import Contract
    from trendscript.kafka import Message

PEERS_TEMPLATE = "bench_peers"
OWN_TEMPLATE = "bench_own"
# What the peers reached on their best day, to two processes of the hand-made loader on that machine.
_DEBEZIUM, _DLT, _QUIX = 56_892 / 109_861, 38_378 / 109_861, 31_443 / 109_861


@dataclass(slots=True)
class Warm:
    """Runs of the peers' work and of our own; bytes of WAL of the first load and of the same again."""

    hand_made: Runs
    load: Runs
    again: Runs
    own: Runs
    own_with_lake: Runs
    wal: tuple[list[int], list[int]]

    def figures(self) -> list[Figure]:
        """What is asked of a warm load."""
        ratio = self.load.rate / self.hand_made.rate
        first, again = (sorted(found)[len(found) // 2] for found in self.wal)
        return [
            Figure("1", "warm load, to the hand-made loader in two processes", ratio, least=0.65),
            Figure("1a", "the same to Debezium's best on a fresh JVM, by the hand-made loader", ratio / _DEBEZIUM, 1.2),
            Figure("1b", "the same to dlt's best", ratio / _DLT, 1.8),
            Figure("1c", "the same to Quix's best", ratio / _QUIX, 1.8),
            Figure("3", "the same messages again, to the first load", self.again.rate / self.load.rate, least=1.2),
            Figure("3a", "WAL of the same again, to the first load's", again / first, most=0.02),
            Figure("4", "three tables of youtube_trending, to figure 1's load", self.own.rate / self.load.rate, 0.5),
            Figure("4a", "the same with the lake", self.own_with_lake.rate / self.load.rate, least=0.35),
        ]

    def runs(self) -> list[Runs]:
        """Everything that was timed."""
        return [self.hand_made, self.load, self.again, self.own, self.own_with_lake]


def prepare(servers: Servers, messages: int) -> tuple[Contract, int]:
    """Make topics and databases, and fill the peers' topic; its contract, and how many messages it holds."""
    contract = replace(bench_contract(), topic="bench_chart")
    own = load_contract("youtube_trending")
    ensure_topics([contract, own], bootstrap_servers=servers.bootstrap_servers, client_properties=None)
    make_tables(servers.make_warehouse(PEERS_TEMPLATE).dsn)
    servers.make_warehouse(OWN_TEMPLATE)
    return contract, fill_topic(contract.topic, servers.bootstrap_servers, take_records(messages))


def publish_own(servers: Servers, charts: Iterator[Message], most: int | None = None) -> int:
    """Publish so many more messages of our own work, or all that are left; how many they were."""
    return publish(islice(charts, most), bootstrap_servers=servers.bootstrap_servers, client_properties=None)


def measure(servers: Servers, contract: Contract, messages: int, own_messages: int, repeat: int) -> Warm:
    """Load in turns, each into a fresh database."""
    found = Warm(
        Runs("hand-made, two processes", messages),
        Runs("load", messages),
        Runs("the same again", messages),
        Runs("youtube_trending", own_messages),
        Runs("youtube_trending, lake", own_messages),
        ([], []),
    )
    own = load_contract("youtube_trending")
    with _session(servers) as spark:
        say("Spark loads once before it is timed")
        with _warehouse(servers, "warm_up", PEERS_TEMPLATE) as warehouse:
            load_topic(_job(spark, warehouse), contract)
        with _warehouse(servers, "warm_up_lake", OWN_TEMPLATE, with_lake=True) as warehouse:
            load_topic(_job(spark, warehouse), own)
        for number in range(repeat):
            say(f"warm, round {number + 1} of {repeat}")
            with _warehouse(servers, f"round_{number}", PEERS_TEMPLATE) as warehouse:
                _round(found, _job(spark, warehouse), contract, warehouse)
            for runs, lake in ((found.own, False), (found.own_with_lake, True)):
                with _warehouse(servers, f"own_{number}_{lake}", OWN_TEMPLATE, with_lake=lake) as warehouse:
                    _timed(runs, partial(load_topic, _job(spark, warehouse), own))
    return found


@contextmanager
def _session(servers: Servers) -> Iterator[SparkSession]:
    session = build_session("local[*]", servers.home / "logs" / "spark.log")
    yield session
    session.stop()


@contextmanager
def _warehouse(servers: Servers, name: str, template: str, *, with_lake: bool = False) -> Iterator[Warehouse]:
    warehouse = servers.make_warehouse(name, template=template, with_lake=with_lake)
    yield warehouse
    warehouse.drop()
    warehouse.remove_lake()


def _job(spark: SparkSession, warehouse: Warehouse) -> LoadJob:
    return LoadJob(
        spark=spark,
        dsn=as_writer(warehouse.dsn),
        bootstrap_servers=warehouse.servers.bootstrap_servers,
        client_properties=None,
        lake=str(warehouse.lake) if warehouse.lake else None,
        max_messages=500_000,
    )


def _round(found: Warm, job: LoadJob, contract: Contract, warehouse: Warehouse) -> None:
    dsn = warehouse.dsn
    settle(dsn, "hand_made")
    found.hand_made.note(load_by_hand(dsn, job.bootstrap_servers, contract.topic, 2))
    for runs, wal, work in (
        (found.load, found.wal[0], partial(load_topic, job, contract)),
        (found.again, found.wal[1], partial(replay_topic, job, contract, Asked())),
    ):
        settle(dsn, "chart")
        before = wal_position(dsn)
        _timed(runs, work)
        wal.append(wal_position(dsn) - before)
    if count_rows(dsn, "chart") != count_rows(dsn, "hand_made"):
        raise RuntimeError("the two loads made different tables")


def _timed(runs: Runs, work: Callable[[], TopicReport]) -> None:
    started = time.perf_counter()
    report = work()
    seconds = time.perf_counter() - started
    if report.messages.accepted != runs.messages:
        raise RuntimeError(f"{report.messages} of {runs.messages} messages were accepted")
    runs.note(seconds)


def load_by_hand(dsn: str, servers: str, topic: str, processes: int) -> float:
    """Seconds from the first process's first poll to the last one's last commit."""
    started = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "benchmarks.hand_made", dsn, servers, topic),
                *("--share", str(number), "--processes", str(processes)),
            ],
            stdout=subprocess.PIPE,
        )
        for number in range(processes)
    ]
    told = [orjson.loads(process.communicate()[0]) for process in started]
    if sum(part["messages"] for part in told) == 0 or any(process.returncode for process in started):
        raise RuntimeError("the loader made by hand failed")
    return float(max(part["ended"] for part in told) - min(part["started"] for part in told))
