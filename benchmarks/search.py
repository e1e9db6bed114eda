"""`python -m benchmarks.search`: how long typical searches take over a million made-up sentences."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003  (typer reads the annotations)
from statistics import median, quantiles
from typing import Annotated, Any
from urllib.parse import urlsplit, urlunsplit

import orjson
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.machine import describe_machine, own_stack, say
from benchmarks.spoken import channel_id, fill
from trendscript.migrations import migrate
from trendscript.search import Conditions, search

_SEGMENTS_A_VIDEO = 50
_ANALYST = "data_analyst"
_HIGH = 95


@dataclass(frozen=True, slots=True)
class Search:
    """A typical search: what it shows, the query, and its conditions."""

    name: str
    query: str
    conditions: Conditions = field(default_factory=Conditions)


SEARCHES = (
    Search("rare word", "kubernetes"),
    Search("word in one sentence of ten", "right"),
    Search("two words", "climate bill"),
    Search("phrase", '"climate change"'),
    Search("word without another", "climate -change"),
    Search("word, one language", "climate", Conditions(language="en")),
    Search("common word, one region", "world", Conditions(region="US")),
    Search("common word, one channel", "right", Conditions(channel=channel_id(0))),
    Search("phrase of stop words", '"to be or not to be"'),
    Search("Japanese word", "天気予報"),
    Search("misspelling", "kubernetse"),
    Search("nothing like it", "zzyzxqwv"),
)


def main(
    segments: Annotated[int, typer.Option(min=1_000, help="Sentences to search.")] = 1_000_000,
    times: Annotated[int, typer.Option(min=2, help="How often each search is made after a first one.")] = 20,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file too.")] = None,
) -> None:
    """Measure `trendscript search` as an analyst, connection included, on servers that are removed at the end."""
    with own_stack() as servers:
        dsn = servers.dsn
        migrate(dsn)
        started = time.perf_counter()
        fill(dsn, segments=segments, videos=max(segments // _SEGMENTS_A_VIDEO, 1))
        say(f"{segments:,} sentences made in {time.perf_counter() - started:.0f} s")
        results = [measure(_as_analyst(dsn), one, times) for one in SEARCHES]
    overall = _percentile([seconds for result in results for seconds in result["seconds"]])
    _print(results, segments, overall)
    if json_file is not None:
        report = {"machine": describe_machine(), "segments": segments, "p95_seconds": overall, "searches": results}
        json_file.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2))


def measure(dsn: str, one: Search, times: int) -> dict[str, Any]:
    """Seconds of a search, made once to warm up and then so often."""
    found = search(dsn, one.query, one.conditions)
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        search(dsn, one.query, one.conditions)
        seconds.append(time.perf_counter() - started)
    return {
        "search": one.name,
        "query": one.query,
        "found": found.found,
        "close": found.close,
        "median_seconds": round(median(seconds), 4),
        "p95_seconds": _percentile(seconds),
        "seconds": [round(spent, 4) for spent in seconds],
    }


def _percentile(seconds: list[float]) -> float:
    return round(quantiles(seconds, n=100, method="inclusive")[_HIGH - 1], 4)


def _as_analyst(dsn: str) -> str:
    """The same database for the role that analysts have, which needs no password on this machine."""
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(netloc=f"{_ANALYST}@{parts.netloc.rpartition('@')[2]}"))


def _print(results: list[dict[str, Any]], segments: int, overall: float) -> None:
    table = Table(title=f"trendscript search, {segments:,} sentences")
    for heading in ("search", "query"):
        table.add_column(heading)
    for heading in ("sentences", "median ms", "p95 ms"):
        table.add_column(heading, justify="right")
    for result in results:
        found = "similar" if result["close"] else "many" if result["found"] is None else f"{result['found']:,}"
        figures = (f"{result[name] * 1000:.0f}" for name in ("median_seconds", "p95_seconds"))
        table.add_row(result["search"], result["query"], found, *figures)
    table.add_section()
    table.add_row("all", "", "", "", f"{overall * 1000:.0f}")
    Console(width=None if sys.stdout.isatty() else 120).print(table)


if __name__ == "__main__":
    typer.run(main)
