"""`trendscript load --follow` as a supervisor sees it: a process that is signalled, asked for metrics, and killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil
import psycopg2
import pytest

from tests.builders import query
from tests.spark_jobs.test_cli import BIN, ROOT, load, publish_usage, run_command
from tests.spark_jobs.test_metrics import at, samples_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import Stack

pytestmark = pytest.mark.usefixtures("topics")

_WAITING_COMMANDS = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
WAITS = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"


@dataclass(frozen=True, slots=True)
class Running:
    """The process, and the files that hold what it says."""

    process: subprocess.Popen[bytes]
    out: Path
    err: Path

    def events(self) -> list[dict[str, Any]]:
        """Its log so far; what isn't a line of JSON is left out."""
        lines = self.err.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def event(self, name: str) -> dict[str, Any]:
        """The first event of this name, waited for."""
        found: list[dict[str, Any]] = []

        def look() -> bool:
            found[:] = [event for event in self.events() if event["event"] == name]
            return bool(found)

        self.wait_for(look, name)
        return found[0]

    def wait_for(self, come: Callable[[], bool], what: str) -> None:
        """Wait until it has come, for four minutes at most."""
        deadline = time.monotonic() + 240
        while not come():
            assert self.process.poll() is None, f"no {what}: {self.err.read_text(encoding='utf-8')[-3000:]}"
            assert time.monotonic() < deadline, f"no {what}: {self.err.read_text(encoding='utf-8')[-3000:]}"
            time.sleep(0.1)

    def end(self) -> int:
        """Its exit code, waited for."""
        return self.process.wait(timeout=120)


@contextmanager
def _following(environment: dict[str, str], tmp_path: Path, *options: str) -> Iterator[Running]:
    out, err = tmp_path / "out", tmp_path / "err"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("POSTGRES_", "KAFKA_"))}
    command = [str(BIN / "trendscript"), "load", "api_usage", "--follow", "--every", "1", *options]
    with out.open("wb") as to_out, err.open("wb") as to_err:
        process = subprocess.Popen(
            command, env=inherited | environment | {"LAKE_PATH": "off"}, stdout=to_out, stderr=to_err, cwd=ROOT
        )
    try:
        yield Running(process, out, err)
    finally:
        process.kill()
        process.wait()


def _get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@contextmanager
def _held_up(database: str) -> Iterator[None]:
    """Nobody gets at the table of API usage in the block."""
    with closing(psycopg2.connect(database)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("lock table pipeline.api_usage in access exclusive mode")
        yield


def test_it_serves_until_it_is_asked_to_stop(
    stack: Stack, environment: dict[str, str], database: str, tmp_path: Path
) -> None:
    """A line a batch on standard output, JSON in the log, metrics over HTTP; SIGTERM lets the batch in hand finish."""
    with _following(environment, tmp_path, "--json", "--metrics-port", "0") as running:
        port = running.event("metrics_served")["port"]
        publish_usage(stack, b'{"broken')
        committed = running.event("batch_committed")
        first = json.loads(running.out.read_text(encoding="utf-8").splitlines()[0])
        assert (first["topic"], first["batch_id"]) == ("api_usage", committed["batch_id"])
        assert first["messages"]["quarantined"] == committed["quarantined"]
        _check_served(port, database)
        _check_a_command_has_its_turn(stack, environment, database, running)
        with _held_up(database):
            publish_usage(stack, b"{}", b'{"broken')
            running.wait_for(lambda: query(database, WAITS) != [(0,)], "batch that waits")
            running.process.send_signal(signal.SIGTERM)
            time.sleep(1)
            assert running.process.poll() is None
        assert running.end() == 0
        events = running.events()
        assert {event["run_id"] for event in events} == {committed["run_id"]}
        assert events[-1]["event"] == "follow_ended"
    assert query(database, "select distinct state, run_id from pipeline.batch") == [("committed", committed["run_id"])]


def _check_a_command_has_its_turn(stack: Stack, environment: dict[str, str], database: str, running: Running) -> None:
    """One that needs the topic waits while a batch is in hand, and is next, though loads are tried time and again."""
    purge = (BIN / "trendscript", "purge", "--topic", "api_usage", "--older-than", "1d", "--json")
    with ThreadPoolExecutor(1) as pool:
        with _held_up(database):
            publish_usage(stack, b"{}")
            running.wait_for(lambda: query(database, WAITS) != [(0,)], "batch that waits")
            purging = pool.submit(run_command, *purge, environment=environment | {"LAKE_PATH": "off"})
            running.wait_for(lambda: purging.done() or query(database, _WAITING_COMMANDS) == [(1,)], "command")
            assert not purging.done(), purging.result().stderr
        purged = purging.result(120)
    assert purged.returncode == 0, purged.stderr
    assert json.loads(purged.stdout)["topics"][0]["topic"] == "api_usage"


def _check_served(port: int, database: str) -> None:
    code, text = _get(port, "/metrics")
    found = samples_of(text)
    ((quarantined,),) = query(database, "select sum(quarantined)::int from pipeline.batch_range")
    assert code == 200
    assert found[at("messages_total", topic="api_usage", kind="load", outcome="quarantined")] == quarantined
    assert found[at("batch_seconds_count", topic="api_usage", step="load")] >= 1
    assert _get(port, "/health")[0] == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_a_second_signal_ends_it_at_once(
    stack: Stack, environment: dict[str, str], database: str, tmp_path: Path, number: signal.Signals
) -> None:
    """The batch in hand stays planned, and the next load finishes it."""
    publish_usage(stack, b'{"broken')
    with _following(environment, tmp_path) as running, _held_up(database):
        running.wait_for(lambda: query(database, WAITS) != [(0,)], "batch that waits")
        running.process.send_signal(number)
        time.sleep(1)
        assert running.process.poll() is None
        running.process.send_signal(number)
        assert running.end() == -number
    assert query(database, "select state from pipeline.batch") == [("planned",)]
    assert load("api_usage", environment=environment).returncode == 0
    assert query(database, "select state from pipeline.batch") == [("committed",)]


def test_a_signal_in_a_pause_ends_it(environment: dict[str, str], tmp_path: Path) -> None:
    """Ctrl-C ends it with 130 while nothing is loaded, and it says what became of the topic."""
    with _following(environment, tmp_path) as running:
        running.event("follow_started")
        time.sleep(3)
        running.process.send_signal(signal.SIGINT)
        assert running.end() == 130
        assert "api_usage" in running.out.read_text(encoding="utf-8")


def test_the_death_of_spark_ends_it(stack: Stack, environment: dict[str, str], database: str, tmp_path: Path) -> None:
    """75, so that a supervisor starts it anew: the new process goes on where the old one was."""
    with _following(environment, tmp_path, "--every", "3600") as running:
        running.event("batch_committed")
        (java,) = [child for child in psutil.Process(running.process.pid).children() if child.name() == "java"]
        java.kill()
        assert running.end() == 75
        assert "Spark has ended" in running.err.read_text(encoding="utf-8")
    publish_usage(stack, b'{"broken')
    assert load("api_usage", environment=environment).returncode == 0
    assert query(database, "select distinct state from pipeline.batch") == [("committed",)]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--follow", "--dry-run"], "one or the other"),
        (["--every", "5"], "go with --follow"),
        (["--metrics-port", "0"], "go with --follow"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    environment: dict[str, str], options: list[str], words: str
) -> None:
    """Before anything is started."""
    result = load(*options, environment=environment)
    assert result.returncode == 2
    assert words in result.stderr
