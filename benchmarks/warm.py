"""`python -m benchmarks.warm`: our load in a session that has loaded before, in turn with the hand-made loader.

One run on one machine: rounds of the hand-made loader (two processes), our load of the same messages into an empty
table, and the same messages again; medians, ratios, WAL.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from benchmarks.machine import describe_machine, own_stack, say
from benchmarks.peers_work import (
    bench_contract,
    count_rows,
    fill_topic,
    make_tables,
    settle,
    wal_position,
)
from spark_jobs.job import LoadJob
from spark_jobs.load import load_topic
from spark_jobs.replay import Asked, replay_topic
from spark_jobs.session import build_session
from tests.real.warehouse import Servers, Warehouse
from tests.spark_jobs.quarantined import as_writer
from trendscript.kafka import ensure_topics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyspark.sql import SparkSession

    from benchmarks.machine import OwnStack
    from spark_jobs.report import TopicReport
    from trendscript.contracts import Contract

_CHARTS = Path(__file__).resolve().parents[2] / "shared" / "data" / "youtube_charts"
_TEMPLATE = "bench_template"


@dataclass
class Figures:
    """Seconds of each run, and bytes of WAL of ours, by what was done."""

    messages: int
    seconds: dict[str, list[float]] = field(default_factory=dict)
    wal: dict[str, list[int]] = field(default_factory=dict)

    def note(self, what: str, seconds: float, wal: int = 0) -> None:
        """Keep a run, and tell of it."""
        self.seconds.setdefault(what, []).append(round(seconds, 3))
        self.wal.setdefault(what, []).append(wal)
        say(f"  {what}: {seconds:.2f} s, {self.messages / seconds:,.0f} messages/s, WAL {wal / 2**20:,.0f} MiB")

    def rate(self, what: str) -> float:
        """Messages a second, by the median."""
        return self.messages / median(self.seconds[what])

    def to_json(self) -> dict[str, Any]:
        """All runs, and how they compare."""
        hand, first = self.rate("hand-made, two processes"), self.rate("load")
        return {
            "messages": self.messages,
            "seconds": self.seconds,
            "wal_bytes": self.wal,
            "messages_per_second": {what: round(self.rate(what)) for what in self.seconds},
            "load_to_hand_made": round(first / hand, 3),
            "again_to_load": round(self.rate("again") / first, 3),
            "again_wal_to_load_wal": round(median(self.wal["again"]) / median(self.wal["load"]), 4),
        }


def main(
    messages: Annotated[int, typer.Option(min=1, help="Most messages.")] = 466_457,
    repeat: Annotated[int, typer.Option(min=1, help="Rounds; medians are compared.")] = 3,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file too.")] = None,
) -> None:
    """Measure a warm load of the peers' work against the loader made by hand."""
    charts = Path(os.environ["TRENDSCRIPT_DATA"], "youtube_charts") if "TRENDSCRIPT_DATA" in os.environ else _CHARTS
    if not charts.is_dir():
        say(f"There are no real charts at {charts}: the messages are made up.")
    with own_stack() as own:
        contract = replace(bench_contract(), topic=f"bench_chart_{os.getpid()}")
        ensure_topics([contract], bootstrap_servers=own.bootstrap_servers, client_properties=None)
        count = fill_topic(contract.topic, own.bootstrap_servers, charts if charts.is_dir() else None, messages)
        servers = Servers(own.home, own.bootstrap_servers, own.dsn, own.home)
        make_tables(servers.make_warehouse(_TEMPLATE).dsn)
        figures = Figures(count)
        with _session(own) as spark:
            say(f"{count:,} messages; the session loads once before it is timed")
            with _warehouse(servers, "warm_up") as warehouse:
                load_topic(_job(spark, own, warehouse), contract)
            for number in range(repeat):
                say(f"round {number + 1} of {repeat}")
                with _warehouse(servers, f"round_{number}") as warehouse:
                    _round(figures, _job(spark, own, warehouse), contract, warehouse)
    found = {"machine": describe_machine(), **figures.to_json()}
    typer.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
    if json_file is not None:
        json_file.write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2))


@contextmanager
def _session(own: OwnStack) -> Iterator[SparkSession]:
    session = build_session("local[*]", own.home / "logs" / "spark.log")
    yield session
    session.stop()


@contextmanager
def _warehouse(servers: Servers, name: str) -> Iterator[Warehouse]:
    warehouse = servers.make_warehouse(name, template=_TEMPLATE, with_lake=False)
    yield warehouse
    warehouse.drop()


def _job(spark: SparkSession, own: OwnStack, warehouse: Warehouse) -> LoadJob:
    return LoadJob(
        spark=spark,
        dsn=as_writer(warehouse.dsn),
        bootstrap_servers=own.bootstrap_servers,
        client_properties=None,
        lake=None,
        max_messages=500_000,
    )


def _round(figures: Figures, job: LoadJob, contract: Contract, warehouse: Warehouse) -> None:
    dsn = warehouse.dsn
    settle(dsn, "hand_made")
    figures.note("hand-made, two processes", _load_by_hand(dsn, job.bootstrap_servers, contract.topic, 2))
    work: dict[str, Callable[[], TopicReport]] = {
        "load": lambda: load_topic(job, contract),
        "again": lambda: replay_topic(job, contract, Asked()),
    }
    for what, run in work.items():
        settle(dsn, "chart")
        before, started = wal_position(dsn), time.perf_counter()
        report = run()
        seconds = time.perf_counter() - started
        if report.messages.accepted != figures.messages:
            raise RuntimeError(f"{report.messages} of {figures.messages} messages were accepted")
        figures.note(what, seconds, wal_position(dsn) - before)
        say(f"    {[batch.seconds for batch in report.batches]}")
    if count_rows(dsn, "chart") != count_rows(dsn, "hand_made"):
        raise RuntimeError("the two loads made different tables")


def _load_by_hand(dsn: str, servers: str, topic: str, processes: int) -> float:
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


if __name__ == "__main__":
    typer.run(main)
