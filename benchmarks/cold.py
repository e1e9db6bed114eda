"""A cold load: from the start of a process to its last commit, and to its end where a thousand messages wait."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from benchmarks.figures import Figure, Runs
from benchmarks.machine import say
from benchmarks.warm import OWN_TEMPLATE, PEERS_TEMPLATE
from tests.spark_jobs.quarantined import as_writer
from trendscript.local.java import find_java, home_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.real.warehouse import Servers
    from trendscript.contracts import Contract

# What Debezium's best took from the start of its worker, to what the hand-made loader took there.
_DEBEZIUM = 20.3 / (466_457 / 109_861)
_BARE = """
from pyspark.sql import SparkSession
spark = SparkSession.builder.master("local[*]").config("spark.ui.enabled", "false").getOrCreate()
assert spark.range(1000).count() == 1000
spark.stop()
"""


def measure_all(servers: Servers, contract: Contract, hand_made: Runs, repeat: int) -> tuple[list[Runs], list[Figure]]:
    """All messages of the peers' work, from the start of the process to the last commit."""
    runs = Runs("load from a cold start", hand_made.messages)
    for number in range(repeat):
        say(f"cold, round {number + 1} of {repeat}")
        warehouse = servers.make_warehouse(f"cold_{number}", template=PEERS_TEMPLATE, with_lake=False)
        started = time.time()
        subprocess.run(
            [
                *(sys.executable, "-m", "benchmarks.cold_load", as_writer(warehouse.dsn), servers.bootstrap_servers),
                *(contract.topic, str(servers.home / "logs" / "cold.log")),
            ],
            check=True,
        )
        ((ended, read),) = warehouse.query(
            "select extract(epoch from max(b.committed_at))::float, sum(r.read) "
            "from pipeline.batch as b join pipeline.batch_range as r using (batch_id)"
        )
        if read != hand_made.messages:
            raise RuntimeError(f"{read} of {hand_made.messages} messages were read")
        runs.note(ended - started)
        warehouse.drop()
    ratio = runs.median / (hand_made.median * _DEBEZIUM)
    return [runs], [Figure("2", "cold load, to Debezium's best, by the hand-made loader", ratio, most=0.8)]


def measure_few(servers: Servers, messages: int, repeat: int) -> tuple[list[Runs], list[Figure]]:
    """So few messages that the start is most of it, by the command; and Spark's own start with one trivial job."""
    bare = Runs("a bare Spark session, one trivial job", messages)
    few = Runs(f"trendscript load, {messages:,} messages", messages)
    with_lake = Runs(f"trendscript load, {messages:,} messages, lake", messages)
    for number in range(repeat):
        say(f"few messages, round {number + 1} of {repeat}")
        bare.note(_start_bare(servers.home))
        # With the lake once: nothing is asked of it.
        for runs, lake in ((few, False), (with_lake, True))[: 1 if number else 2]:
            warehouse = servers.make_warehouse(f"few_{number}_{lake}", template=OWN_TEMPLATE, with_lake=lake)
            started = time.perf_counter()
            batches = warehouse.load()
            runs.note(time.perf_counter() - started)
            if sum(batch["messages"]["accepted"] for batch in batches) != messages:
                raise RuntimeError(f"not all of {messages} messages were accepted")
            warehouse.drop()
            warehouse.remove_lake()
    return [bare, few, with_lake], [
        Figure(
            "6", f"{messages:,} messages from a cold start, to a bare Spark session", few.median / bare.median, most=2
        ),
        Figure("6a", "the same with the lake", with_lake.median / bare.median),
    ]


def _start_bare(home: Path) -> float:
    empty = home / "bare"
    empty.mkdir(exist_ok=True)
    environ = os.environ | {"JAVA_HOME": str(home_of(find_java())), "SPARK_CONF_DIR": str(empty)}
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", _BARE], env=environ, cwd=empty, check=True, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started
