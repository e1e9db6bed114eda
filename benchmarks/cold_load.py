"""`python -m benchmarks.cold_load`: what `trendscript load` does from its start, for the peers' work."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path  # noqa: TC003  (typer reads the annotations)

import typer

from benchmarks.peers_work import bench_contract
from spark_jobs.job import LoadJob
from spark_jobs.load import load_topic
from spark_jobs.session import build_session


def main(dsn: str, servers: str, topic: str, log_file: Path) -> None:
    """Start Spark and load the topic once, without a lake."""
    job = LoadJob(
        spark=build_session("local[*]", log_file),
        dsn=dsn,
        bootstrap_servers=servers,
        client_properties=None,
        lake=None,
        max_messages=500_000,
    )
    load_topic(job, replace(bench_contract(), topic=topic))


if __name__ == "__main__":
    typer.run(main)
