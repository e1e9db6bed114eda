"""`python -m benchmarks.scale`: whether `trendscript load` stays as fast, and as small, however many messages wait."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path  # noqa: TC003  (typer reads the annotations)
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figure
from benchmarks.machine import describe_machine, own_stack, say
from benchmarks.memory import MemoryWatch, postgres_of
from tests.real.warehouse import TOPIC, Servers, Warehouse
from trendscript.kafka import Message, publish

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIZES = (10_000, 100_000, 500_000, 1_000_000, 5_000_000)
_FROM, _TO = 500_000, 5_000_000
_TEMPLATE = "bench_template"
_MEBIBYTE = 1024 * 1024
_READING = 50
_REGIONS = ("DE", "FR", "GB", "US")


@dataclass(frozen=True, slots=True)
class Run:
    """One load: messages, rows of all tables, seconds of the command and of its steps, peak bytes by process kind."""

    messages: int
    rows: int
    seconds: float
    steps: dict[str, float]
    peaks: dict[str, int]


def main(
    size: Annotated[list[int] | None, typer.Option(min=1, help="Messages to load. Repeat it.")] = None,
    repeat: Annotated[int, typer.Option(min=1, help="Loads of each size; the median is shown.")] = 1,
    lake: Annotated[bool, typer.Option(help="Keep the messages in a lake as well.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file too.")] = None,
) -> None:
    """Measure `trendscript load` on made-up charts, with servers of its own that are removed at the end."""
    with own_stack() as own:
        servers = Servers(own.home, own.bootstrap_servers, own.dsn, own.home)
        results = [summarise(runs) for runs in measure(servers, sorted(size or _SIZES), repeat, lake=lake)]
    figures = compare(results)
    _print(results, figures)
    if json_file is not None:
        found = {"machine": describe_machine(), "loads": results, "figures": [one.to_json() for one in figures]}
        json_file.write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2))
    raise typer.Exit(0 if all(figure.reached for figure in figures) else 1)


def measure(servers: Servers, sizes: list[int], repeat: int, *, lake: bool) -> Iterator[list[Run]]:
    """Fill the topic up to each size in turn, and load it as often as asked, each time from its beginning."""
    servers.recreate_topic(4)
    servers.make_warehouse(_TEMPLATE)
    messages = make_messages()
    published = 0
    for size in sizes:
        published += publish(
            islice(messages, size - published), bootstrap_servers=servers.bootstrap_servers, client_properties=None
        )
        runs = []
        for number in range(repeat):
            say(f"{published:,} messages, load {number + 1} of {repeat}")
            runs.append(_run(servers, f"bench_{published}_{number}", published, lake=lake))
        yield runs


def make_messages() -> Iterator[Message]:
    """Readings of four regions' charts, one an hour, without end; half of a chart's videos are new to it."""
    for reading in count():
        hour, number = divmod(reading, len(_REGIONS))
        day, hour = divmod(hour, 24)
        month, day = divmod(day, 28)
        year, month = divmod(month, 12)
        for rank in range(1, _READING + 1):
            video = f"{_REGIONS[number]}{reading * _READING // 2 + rank:09d}"
            value = {
                "source": "youtube_api",
                "captured_at": f"{2020 + year}-{month + 1:02d}-{day + 1:02d}T{hour:02d}:00:00Z",
                "region_code": _REGIONS[number],
                "category_id": "0",
                "rank": rank,
                "size": _READING,
                "item": {
                    "id": video,
                    "snippet": {
                        "publishedAt": f"{2020 + year}-{month + 1:02d}-{day + 1:02d}T01:02:{rank:02d}Z",
                        "channelId": f"UC{video:>022}",
                        "title": f"Video {video}, seen {reading} times by the {rank} people who look",
                        "description": "Words that say what is to be seen, and where more of it is. " * 12,
                        "channelTitle": f"Channel {rank}",
                        "tags": ["one", "two words", "three", "four of them"],
                        "categoryId": "10",
                    },
                    "contentDetails": {"duration": f"PT{rank}M{reading % 60}S", "definition": "hd", "caption": "false"},
                    "statistics": {"viewCount": str(reading * 1000 + rank), "likeCount": str(reading * 10)},
                },
            }
            yield Message(TOPIC, video.encode(), orjson.dumps(value))


def compare(results: list[dict[str, Any]]) -> list[Figure]:
    """What is asked of the largest load, where both sizes were measured."""
    by_size = {result["messages"]: result for result in results}
    if not {_FROM, _TO} <= set(by_size):
        return []
    small, large = by_size[_FROM], by_size[_TO]
    each = [result["seconds"] / result["messages"] for result in (small, large)]
    return [
        Figure("5", "seconds a message at 5,000,000, to those at 500,000", each[1] / each[0], most=1.1),
        Figure("5a", "peak memory, PostgreSQL too", large["peak_bytes_sum"] / small["peak_bytes_sum"], most=1.2),
    ]


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


def _run(servers: Servers, name: str, expected: int, *, lake: bool) -> Run:
    warehouse = servers.make_warehouse(name, template=_TEMPLATE, with_lake=lake)
    output = servers.folder / f"{name}.json"
    started = time.perf_counter()
    with output.open("wb") as file:
        process = warehouse.start("load", TOPIC, "--json", output=file)
        with MemoryWatch(process.pid, postgres_of(servers.home)) as memory:
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


def _print(results: list[dict[str, Any]], figures: list[Figure]) -> None:
    table = Table(title="trendscript load")
    for heading in (
        "messages", "rows", "loads", "seconds", "messages/s", "rows/s", "messages/s in steps", "rows/s in steps",
        "driver MiB", "JVM MiB", "workers MiB", "Postgres MiB", "sum MiB",
    ):  # fmt: skip
        table.add_column(heading, justify="right")
    for result in results:
        peaks = result["peak_bytes"]
        cells = (
            result["messages"], result["rows"], result["loads"], result["seconds"], result["messages_per_second"],
            result["rows_per_second"], result["messages_per_second_in_steps"], result["rows_per_second_in_steps"],
            *(round(peaks[kind] / _MEBIBYTE) for kind in ("driver", "jvm", "workers", "postgres")),
            round(result["peak_bytes_sum"] / _MEBIBYTE),
        )  # fmt: skip
        table.add_row(*(f"{cell:,}" for cell in cells))
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table)
    for figure in figures:
        console.print(f"{figure.number}  {figure.what}: {figure.value:.3g} ({figure.wanted})")


if __name__ == "__main__":
    typer.run(main)
