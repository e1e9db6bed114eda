"""Publishing: `trendscript ingest file`, and a plain loop of kafka-python's `send` with the same promise."""

from __future__ import annotations

import time
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING

from kafka import KafkaProducer

from benchmarks.figures import Figure, Runs
from benchmarks.machine import say
from ingest.files.entries import Given
from ingest.files.importing import Import
from ingest.files.rejects import Rejects

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.real.warehouse import Servers, Warehouse
    from trendscript.kafka import Message

_PLAIN = 20_000


def import_messages(path: Path) -> Iterator[Message]:
    """The messages that `ingest file` makes of a file."""
    return Import([path], Given(), Rejects(None, lambda _: None)).messages()


def measure(servers: Servers, warehouse: Warehouse, path: Path, repeat: int) -> tuple[list[Runs], list[Figure]]:
    """The whole command, its start included, in turn with the loop over messages that are made already."""
    messages = list(islice(import_messages(path), _PLAIN))
    plain = Runs("kafka-python, a plain loop of send", len(messages))
    ingest: Runs | None = None
    for number in range(repeat):
        say(f"publishing, round {number + 1} of {repeat}")
        plain.note(_send_plainly(servers, messages))
        started = time.perf_counter()
        report = warehouse.run("ingest", "file", str(path), "--json")
        seconds = time.perf_counter() - started
        ingest = ingest or Runs("trendscript ingest file", report["published"])
        ingest.note(seconds)
    if ingest is None:
        raise ValueError("nothing was measured")
    return [plain, ingest], [
        Figure("7", "ingest file, to kafka-python's plain loop", ingest.rate / plain.rate, least=3)
    ]


def _send_plainly(servers: Servers, messages: list[Message]) -> float:
    started = time.perf_counter()
    with closing(
        KafkaProducer(bootstrap_servers=servers.bootstrap_servers, acks="all", enable_idempotence=True)
    ) as one:
        for message in messages:
            one.send(message.topic, key=message.key, value=message.value)
        one.flush()
    return time.perf_counter() - started
