"""Killing a load: a moment to wait for goes in, processes die, and who is left comes out."""

from __future__ import annotations

import os
import signal
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil
import psycopg2

from tests.real.warehouse import TOPIC

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.real.warehouse import Warehouse

_LONGEST_LOAD = 900.0
_LOOK_EVERY = 0.01
_RANGES = "select count(*) from pipeline.batch_range where committed_at is not null"
_AT_WORK = "select count(*) from pg_stat_activity where datname = current_database() and "


class Sight:
    """What can be seen of a load from outside: its processes, its lake, its ledger, its connections."""

    def __init__(self, warehouse: Warehouse, leader: int, connection: Any) -> None:
        self._bronze = bronze_folder(warehouse)
        self._leader = leader
        self._connection = connection

    def has_java(self) -> bool:
        """Whether Spark has been started."""
        return bool(_javas(self._leader))

    def bronze_files(self) -> int:
        """Files of rows that were begun in the lake, whether or not they count yet."""
        return sum(1 for _ in self._bronze.glob("**/*.parquet"))

    def bronze_commits(self) -> int:
        """Batches that bronze holds."""
        return sum(1 for _ in (self._bronze / "_delta_log").glob("*.json"))

    def count(self, query: str) -> int:
        """What a query counts in the database."""
        with self._connection.cursor() as cursor:
            cursor.execute(query)
            return int(cursor.fetchone()[0])


def bronze_folder(warehouse: Warehouse) -> Path:
    """Where the topic's bronze table is."""
    assert warehouse.lake is not None
    return warehouse.lake / "bronze" / TOPIC


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of a load, and how it is recognised."""

    name: str
    has_come: Callable[[Sight], bool]


MOMENTS = (
    Moment("a range is being merged", lambda sight: sight.count(_AT_WORK + "query like 'with newest %'") > 0),
    Moment("the first range is committed", lambda sight: sight.count(_RANGES) >= 1),
    Moment("Spark has just started", lambda sight: sight.has_java()),
    Moment("the first plan is committed", lambda sight: sight.count("select count(*) from pipeline.batch") >= 1),
    Moment("bronze is being written", lambda sight: sight.bronze_files() >= 1),
    Moment("bronze holds the first batch", lambda sight: sight.bronze_commits() >= 1),
    Moment("rows are being copied", lambda sight: sight.count(_AT_WORK + "query ilike 'copy %'") > 0),
    Moment("three of four ranges are committed", lambda sight: sight.count(_RANGES) >= 3),
    Moment(
        "the first batch is done",
        lambda sight: sight.count("select count(*) from pipeline.batch where state = 'committed'") >= 1,
    ),
    Moment("bronze holds the third batch", lambda sight: sight.bronze_commits() >= 3),
)


def kill_load(
    warehouse: Warehouse, options: Sequence[str], moment: Moment, victims: str
) -> tuple[int, list[psutil.Process]]:
    """Start a load and kill it at the moment with SIGKILL; how it ended, and who of it was left to end by itself.

    `victims` is "all", or only the "driver" or the "java" among its processes. The moment must come before the load
    has ended.
    """
    process = warehouse.start("load", TOPIC, *options)
    with closing(psycopg2.connect(warehouse.dsn, application_name="a test's watch")) as connection:
        connection.autocommit = True
        _wait(process, moment, Sight(warehouse, process.pid, connection))
    if victims == "all":
        kill_session(process.pid)
    else:
        driver = psutil.Process(process.pid)
        for found in [driver] if victims == "driver" else _javas(process.pid):
            found.kill()
    return process.wait(_LONGEST_LOAD), session_of(process.pid)


def session_of(leader: int) -> list[psutil.Process]:
    """The live processes of a session. Spark's Python workers have a process group of their own, but stay in it."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if os.getsid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _javas(leader: int) -> list[psutil.Process]:
    return [process for process in session_of(leader) if process.name() == "java"]


def kill_session(leader: int) -> None:
    """SIGKILL every process of the session, and those that were born meanwhile, until none is left."""
    deadline = time.monotonic() + 30
    while processes := session_of(leader):
        assert time.monotonic() < deadline, f"still alive: {processes}"
        for process in processes:
            with suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)


def _wait(process: subprocess.Popen[bytes], moment: Moment, sight: Sight) -> None:
    deadline = time.monotonic() + _LONGEST_LOAD
    while not moment.has_come(sight):
        if process.poll() is not None or time.monotonic() > deadline:
            kill_session(process.pid)
            raise AssertionError(f"the moment never came: {moment.name} (the load ended with {process.poll()})")
        time.sleep(_LOOK_EVERY)
