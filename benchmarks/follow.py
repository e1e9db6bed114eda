"""`python -m benchmarks.follow`: whether `trendscript load --follow` stays as it is, batch after batch.

Small batches of made-up charts, one after another, on servers of its own. Every so many batches the memory of the
driver, of its JVM, of the Python workers and of Postgres is measured, and at the end how fast each grows.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path  # noqa: TC003  (typer reads the annotations)
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import psutil
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.machine import describe_machine, own_stack, say
from benchmarks.memory import own_and_cache, postgres_of
from tests.real.killing import session_of
from tests.real.warehouse import TOPIC, Servers, Warehouse
from trendscript.kafka import Message, publish

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MEBIBYTE = 1024 * 1024
_KINDS = ("driver", "jvm", "jvm_live", "workers", "postgres", "cache")
_ALLOWED = {"driver": 1.0, "jvm": 20.0, "jvm_live": 1.0, "workers": 2.0, "postgres": 5.0}
"""MiB more a hundred batches that count as flat. Of the JVM's heap only what is live tells of a leak; Postgres's cache
grows with its tables, up to `shared_buffers`, and isn't judged."""
_LONGEST_PAUSE = 600.0


@dataclass(frozen=True, slots=True)
class Sample:
    """Memory after so many batches, in MiB: resident; `jvm_live` is the heap after a garbage collection.

    `postgres` is what its processes have for themselves, `cache` what they share. `seconds` is how long the batches
    since the sample before took, each.
    """

    batches: int
    seconds: float
    driver: float
    jvm: float
    jvm_live: float
    workers: float
    postgres: float
    cache: float


def main(
    batches: Annotated[int, typer.Option(min=10, help="Batches to load.")] = 500,
    every: Annotated[int, typer.Option(min=1, help="Measure after so many.")] = 50,
    messages: Annotated[int, typer.Option(min=1, help="Messages a batch, about.")] = 200,
    minutes: Annotated[float, typer.Option(min=1, help="End after so long, however many there were.")] = 60,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file too.")] = None,
) -> None:
    """Measure whether memory stays flat; ends with 1 where it grows. What was measured is told as it comes."""
    samples: list[Sample] = []
    slopes = dict.fromkeys(_KINDS, 0.0)
    with own_stack() as own:
        servers = Servers(own.home, own.bootstrap_servers, own.dsn, own.home)
        for sample in measure(servers, batches, every, messages, time.monotonic() + 60 * minutes):
            samples.append(sample)
            slopes = {kind: slope(samples, kind) for kind in _KINDS}
            _tell(sample)
            if json_file is not None:
                _write(json_file, samples, slopes)
    _print(samples, slopes)
    grown = [kind for kind, allowed in _ALLOWED.items() if slopes[kind] > allowed]
    for kind in grown:
        say(f"{kind} grows by {slopes[kind]:.1f} MiB a hundred batches; {_ALLOWED[kind]:.1f} would be flat.")
    raise typer.Exit(1 if grown else 0)


def measure(servers: Servers, batches: int, every: int, messages: int, until: float) -> Iterator[Sample]:
    """Follow a topic that never ends; a sample each time so many batches more are committed."""
    servers.recreate_topic(2)
    warehouse = servers.make_warehouse("follow")
    postgres = postgres_of(servers.home)
    process = warehouse.start("load", TOPIC, "--follow", "--every", "1")
    producer = _produce(servers, messages)
    done, since = 0, time.monotonic()
    try:
        while done + every <= batches and time.monotonic() < until:
            _wait_for(warehouse, process, producer, done + every)
            done += every
            seconds = (time.monotonic() - since) / every
            yield _look(process.pid, postgres, done, seconds)
            since = time.monotonic()
    finally:
        process.terminate()
        process.wait(_LONGEST_PAUSE)


def _wait_for(warehouse: Warehouse, process: subprocess.Popen[bytes], producer: Iterator[None], wanted: int) -> None:
    """Keep messages coming until so many batches are committed."""
    last, changed = -1, time.monotonic()
    while True:
        if process.poll() is not None:
            raise subprocess.CalledProcessError(process.returncode, process.args)
        waiting, committed = _count(warehouse)
        if committed >= wanted:
            return
        if committed != last:
            last, changed = committed, time.monotonic()
        if time.monotonic() - changed > _LONGEST_PAUSE:
            raise TimeoutError(f"nothing was committed for {_LONGEST_PAUSE} seconds, after {committed} batches")
        if not waiting:
            next(producer)
        time.sleep(0.1)


def _count(warehouse: Warehouse) -> tuple[bool, int]:
    """Whether a batch is under way, and how many are committed."""
    ((planned, committed),) = warehouse.query(
        "select count(*) filter (where state = 'planned'), count(*) filter (where state = 'committed') "
        "from pipeline.batch"
    )
    return bool(planned), committed


def _produce(servers: Servers, messages: int) -> Iterator[None]:
    """Each time it is asked: one more reading of a chart, of videos old and new."""
    number = 0
    while True:
        begin = number * messages // 2
        publish(
            (_message(number, begin + rank, rank) for rank in range(1, messages + 1)),
            bootstrap_servers=servers.bootstrap_servers,
            client_properties=None,
        )
        number += 1
        yield


def _message(reading: int, video: int, rank: int) -> Message:
    minutes, seconds = divmod(reading, 60)
    hours, minutes = divmod(minutes, 60)
    value = {
        "source": "youtube_api",
        "captured_at": f"2026-11-20T{hours % 24:02d}:{minutes:02d}:{seconds:02d}Z",
        "region_code": "FR",
        "category_id": "0",
        "rank": rank,
        "size": 200,
        "item": {
            "id": f"v{video:010d}",
            "snippet": {"title": f"Video {video}, seen {reading}", "description": "Words. " * 40, "tags": ["a", "b"]},
            "statistics": {"viewCount": str(reading * 1000 + rank)},
        },
    }
    return Message(TOPIC, f"v{video:010d}".encode(), orjson.dumps(value))


def _look(leader: int, postgres: psutil.Process, batches: int, seconds: float) -> Sample:
    resident = {"driver": 0.0, "jvm": 0.0, "workers": 0.0}
    live = 0.0
    for process in session_of(leader):
        with suppress(psutil.Error):
            kind = "driver" if process.pid == leader else "jvm" if process.name() == "java" else "workers"
            if kind == "jvm":
                live += _live_heap(process.pid)
            resident[kind] += process.memory_info().rss / _MEBIBYTE
    own, cache = own_and_cache(postgres)
    return Sample(batches, seconds, **resident, jvm_live=live, postgres=own / _MEBIBYTE, cache=cache / _MEBIBYTE)


def _live_heap(pid: int) -> float:
    """What is left of a heap after a full garbage collection, in MiB; 0 without the JDK's jcmd."""
    program = shutil.which("jcmd")
    if program is None:
        return 0.0
    told = subprocess.run([program, str(pid), "GC.class_histogram"], capture_output=True, text=True, check=False)
    total = re.search(r"^Total\s+\d+\s+(\d+)", told.stdout, re.MULTILINE)
    return int(total[1]) / _MEBIBYTE if total else 0.0


def slope(samples: Sequence[Sample], kind: str) -> float:
    """MiB more a hundred batches, by least squares over the later half: the first fills caches and heaps."""
    later = samples[len(samples) // 2 :]
    if len(later) <= 1:
        return 0.0
    xs, ys = [one.batches / 100 for one in later], [float(getattr(one, kind)) for one in later]
    x_mean, y_mean = sum(xs) / len(xs), sum(ys) / len(ys)
    above = sum((x - x_mean) * (y - y_mean) for x, y in zip(xs, ys, strict=True))
    return above / sum((x - x_mean) ** 2 for x in xs)


def _tell(sample: Sample) -> None:
    memory = ", ".join(f"{kind} {getattr(sample, kind):,.1f}" for kind in _KINDS)
    say(f"{sample.batches} batches, {sample.seconds:.2f} s each; MiB: {memory}")


def _write(file: Path, samples: Sequence[Sample], slopes: dict[str, float]) -> None:
    figures = {"machine": describe_machine(), "samples": [asdict(one) for one in samples], "slopes": slopes}
    file.write_bytes(orjson.dumps(figures, option=orjson.OPT_INDENT_2))


def _print(samples: Sequence[Sample], slopes: dict[str, Any]) -> None:
    table = Table(title="trendscript load --follow, MiB")
    for heading in ("batches", "s a batch", "driver", "JVM", "JVM, live heap", "workers", "Postgres", "its cache"):
        table.add_column(heading, justify="right")
    for one in samples:
        table.add_row(f"{one.batches:,}", f"{one.seconds:.2f}", *(f"{getattr(one, kind):,.1f}" for kind in _KINDS))
    table.add_section()
    table.add_row("a hundred", "", *(f"{slopes[kind]:+,.2f}" for kind in _KINDS))
    Console(width=None if sys.stdout.isatty() else 120).print(table)


if __name__ == "__main__":
    typer.run(main)
