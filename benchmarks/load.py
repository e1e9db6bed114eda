"""`python -m benchmarks.load`: how fast `trendscript load` is at several sizes, and how much memory it takes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.machine import describe_machine, own_stack, say
from benchmarks.memory import MemoryWatch
from ingest.files.entries import Given
from ingest.files.importing import Import
from ingest.files.rejects import Rejects
from tests.real.warehouse import TOPIC, Servers, Warehouse
from trendscript.kafka import Message, publish

if TYPE_CHECKING:
    from collections.abc import Iterator

_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"
_SIZES = (10_000, 100_000, 0)
_TEMPLATE = "bench_template"
_MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Run:
    """One load: messages, rows of all tables, seconds of the command and of its steps, peak bytes by process kind."""

    messages: int
    rows: int
    seconds: float
    steps: dict[str, float]
    peaks: dict[str, int]


def main(
    size: Annotated[list[int] | None, typer.Option(min=0, help="Messages to load; 0 is all. Repeat it.")] = None,
    repeat: Annotated[int, typer.Option(min=1, help="Loads of each size; the median is shown.")] = 1,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file too.")] = None,
) -> None:
    """Measure `trendscript load` on real charts, with servers of its own that are removed at the end."""
    files = sorted((Path(os.environ.get("TRENDSCRIPT_DATA") or _BESIDE) / "youtube_charts").glob("*.csv.xz"))
    if not files:
        typer.echo(f"There are no real charts at {_BESIDE}; TRENDSCRIPT_DATA can name another folder.", err=True)
        raise typer.Exit(78)
    with own_stack() as own:
        servers = Servers(own.home, own.bootstrap_servers, own.dsn, own.home)
        results = [summarise(runs) for runs in measure(servers, files, sorted(size or _SIZES, key=_all_last), repeat)]
    _print(results)
    if json_file is not None:
        json_file.write_bytes(
            orjson.dumps({"machine": describe_machine(), "loads": results}, option=orjson.OPT_INDENT_2)
        )


def measure(servers: Servers, files: list[Path], sizes: list[int], repeat: int) -> Iterator[list[Run]]:
    """Fill the topic up to each size in turn, and load it as often as asked, each time from its beginning."""
    servers.recreate_topic(4)
    servers.make_warehouse(_TEMPLATE)
    messages = Import(files, Given(), Rejects(None, lambda _: None)).messages()
    published = 0
    for size in sizes:
        more = messages if size == 0 else islice(messages, size - published)
        published += _publish(servers, more)
        runs = []
        for number in range(repeat):
            say(f"{published:,} messages, load {number + 1} of {repeat}")
            runs.append(_run(servers, f"bench_{published}_{number}", published))
        yield runs


def summarise(runs: list[Run]) -> dict[str, Any]:
    """The medians of loads of one size, with their spread."""
    first = runs[0]
    seconds = median(run.seconds for run in runs)
    steps = {step: median(run.steps[step] for run in runs) for step in first.steps}
    in_steps = sum(steps.values())
    return {
        "messages": first.messages,
        "rows": first.rows,
        "loads": len(runs),
        "seconds": round(seconds, 2),
        "seconds_of_each": [round(run.seconds, 2) for run in runs],
        "seconds_by_step": {step: round(spent, 2) for step, spent in steps.items()},
        "messages_per_second": round(first.messages / seconds),
        "messages_per_second_in_steps": round(first.messages / in_steps),
        "rows_per_second": round(first.rows / seconds),
        "rows_per_second_in_steps": round(first.rows / in_steps),
        "peak_bytes": {kind: max(run.peaks[kind] for run in runs) for kind in first.peaks},
        "peak_bytes_sum": max(sum(run.peaks.values()) for run in runs),
    }


def _run(servers: Servers, name: str, expected: int) -> Run:
    warehouse = servers.make_warehouse(name, template=_TEMPLATE)
    output = servers.folder / f"{name}.json"
    started = time.perf_counter()
    with output.open("wb") as file:
        process = warehouse.start("load", TOPIC, "--json", output=file)
        with MemoryWatch(process.pid) as memory:
            code = process.wait()
    seconds = time.perf_counter() - started
    if code:
        raise subprocess.CalledProcessError(code, process.args)
    run = _to_run(orjson.loads(output.read_bytes()), seconds, memory.peaks)
    if run.messages != expected:
        raise RuntimeError(f"{run.messages} messages were loaded, {expected} were published")
    _remove(warehouse)
    return run


def _to_run(report: dict[str, Any], seconds: float, peaks: dict[str, int]) -> Run:
    (topic,) = report["topics"]
    steps: dict[str, float] = {}
    for batch in topic["batches"]:
        for step, spent in batch["seconds"].items():
            steps[step] = steps.get(step, 0.0) + spent
    messages = sum(batch["messages"]["read"] for batch in topic["batches"])
    rows = sum(table["rows"] for batch in topic["batches"] for table in batch["tables"].values())
    return Run(messages, rows, seconds, steps, peaks)


def _remove(warehouse: Warehouse) -> None:
    warehouse.drop()
    warehouse.remove_lake()


def _publish(servers: Servers, messages: Iterator[Message]) -> int:
    return publish(messages, bootstrap_servers=servers.bootstrap_servers, client_properties=None)


def _print(results: list[dict[str, Any]]) -> None:
    table = Table(title="trendscript load")
    for heading in (
        "messages", "rows", "loads", "seconds", "messages/s", "rows/s", "messages/s in steps", "rows/s in steps",
        "driver MiB", "JVM MiB", "workers MiB", "sum MiB",
    ):  # fmt: skip
        table.add_column(heading, justify="right")
    for result in results:
        peaks = result["peak_bytes"]
        cells = (
            result["messages"], result["rows"], result["loads"], result["seconds"], result["messages_per_second"],
            result["rows_per_second"], result["messages_per_second_in_steps"], result["rows_per_second_in_steps"],
            *(round(peaks[kind] / _MEBIBYTE) for kind in ("driver", "jvm", "workers")),
            round(result["peak_bytes_sum"] / _MEBIBYTE),
        )  # fmt: skip
        table.add_row(*(f"{cell:,}" for cell in cells))
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def _all_last(size: int) -> float:
    return size or float("inf")


if __name__ == "__main__":
    typer.run(main)
