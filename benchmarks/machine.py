"""What a measurement runs on: servers of its own go up and away again, and the machine is described."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from trendscript.local import stack

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class OwnStack:
    """Kafka and Postgres under a folder that goes with them. `dsn` is the superuser's, of an empty `trendscript`."""

    home: Path
    bootstrap_servers: str
    dsn: str


@contextmanager
def own_stack() -> Iterator[OwnStack]:
    """Start Kafka and Postgres under a temporary folder, and remove all of it at the end, also after SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with tempfile.TemporaryDirectory(prefix="trendscript-bench-") as folder:
        home = Path(folder)
        home.chmod(0o711)  # as root, Postgres runs under another account and has to get in
        try:
            found = stack.up(home, say)
            if found.kafka.address is None or found.postgres.address is None:
                raise RuntimeError("the stack gave no address")
            yield OwnStack(home, found.kafka.address, found.postgres.address)
        finally:
            stack.down(home)


def describe_machine() -> dict[str, Any]:
    """Cores, and the load averages of the last 1, 5 and 15 minutes: how busy the machine was besides."""
    return {"cores": os.cpu_count(), "load_average_at_end": os.getloadavg()}


def say(line: str) -> None:
    """Tell how far a measurement is, beside its figures."""
    typer.echo(line, err=True)
