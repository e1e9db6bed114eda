"""`trendscript load`, `trendscript dead-letters` and spark-submit, as processes of their own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from trendscript.kafka import Message, publish

if TYPE_CHECKING:
    from tests.conftest import Stack

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def run_command(
    *command: str | Path, environment: dict[str, str], timeout: float = 240
) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own, without this process's settings."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("POSTGRES_", "KAFKA_"))}
    return subprocess.run(
        command, env=inherited | environment, capture_output=True, text=True, timeout=timeout, check=False, cwd=ROOT
    )


def load(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """`trendscript load` with these arguments."""
    return run_command(BIN / "trendscript", "load", *arguments, environment=environment)


def publish_usage(stack: Stack, *values: bytes) -> None:
    """Send raw values to the topic of API usage."""
    publish(
        (Message("api_usage", b"test", value) for value in values),
        bootstrap_servers=stack.bootstrap_servers,
        client_properties=None,
    )


@pytest.mark.usefixtures("topics")
def test_load_as_a_command_and_by_spark_submit(stack: Stack, environment: dict[str, str]) -> None:
    """The command quarantines and shows a broken message; spark-submit then finds nothing left to do."""
    publish_usage(stack, b'{"broken', b"\xff\xfe")

    loaded = load("api_usage", "--json", environment=environment)

    assert loaded.returncode == 0, loaded.stderr
    (topic,) = json.loads(loaded.stdout)["topics"]
    assert topic["topic"] == "api_usage"
    batch = topic["batches"][-1]
    assert {"batch_id", "ranges", "messages", "tables", "seconds"} <= batch.keys()
    assert sum(batch["messages"]["quarantined"] for batch in topic["batches"]) >= 2
    _check_dead_letters(environment)

    setup = run_command(BIN / "trendscript", "setup", environment=environment)
    assert setup.returncode == 0, setup.stderr
    submitted = run_command(
        BIN / "spark-submit",
        "spark_jobs/load.py",
        "api_usage",
        "--json",
        environment=environment | {"PATH": os.defpath},
    )
    assert submitted.returncode == 0, submitted.stderr[-2000:]
    assert json.loads(submitted.stdout)["topics"] == [{"topic": "api_usage", "batches": []}]


def _check_dead_letters(environment: dict[str, str]) -> None:
    listed = run_command(BIN / "trendscript", "dead-letters", "list", "--json", environment=environment)
    letters: list[dict[str, Any]] = json.loads(listed.stdout)["dead_letters"]
    assert {"not_json", "bad_unicode"} <= {letter["reason"] for letter in letters}
    broken = next(letter for letter in letters if letter["reason"] == "not_json")
    shown = run_command(BIN / "trendscript", "dead-letters", "show", broken["id"], environment=environment)
    assert '{"broken' in shown.stdout
    missing = run_command(BIN / "trendscript", "dead-letters", "show", "api_usage/0/999999", environment=environment)
    assert missing.returncode == 2
    assert "999999" in missing.stderr


def assert_refused(result: subprocess.CompletedProcess[str], code: int, words: str) -> None:
    """The command ended with this code and one sentence that matches `words`, and no traceback."""
    assert result.returncode == code, result.stderr
    assert re.search(words, result.stderr), result.stderr
    assert "Traceback" not in result.stderr


def test_an_unreachable_kafka_is_69(environment: dict[str, str]) -> None:
    """Nobody listens there: the address is named."""
    result = load("api_usage", environment=environment | {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"})
    assert_refused(result, 69, r"127\.0\.0\.1:9")


def test_an_unreachable_postgres_is_69(environment: dict[str, str]) -> None:
    """Nobody listens there: the address is named."""
    assert_refused(load("api_usage", environment=environment | {"POSTGRES_PORT": "9"}), 69, "9")


def test_a_wrong_password_is_78(environment: dict[str, str]) -> None:
    """The server refuses: a person has to mend it, and the password is not shown."""
    result = load("api_usage", environment=environment | {"POSTGRES_PASSWORD": "wrong-canary"})
    assert_refused(result, 78, "POSTGRES_PASSWORD")
    assert "wrong-canary" not in result.stderr + result.stdout


def test_an_unmigrated_database_is_78(environment: dict[str, str], empty_database: str) -> None:
    """The sentence says which command mends it."""
    name = urlsplit(empty_database).path.strip("/")
    assert_refused(load("api_usage", environment=environment | {"POSTGRES_DB": name}), 78, "trendscript migrate")


def test_a_topic_without_a_contract_is_78(environment: dict[str, str]) -> None:
    """The sentence lists the topics that have one."""
    assert_refused(load("no_such_topic", environment=environment), 78, "youtube_trending")


def test_debug_shows_the_traceback(environment: dict[str, str]) -> None:
    """What is hidden from a user is there for who mends it."""
    result = run_command(BIN / "trendscript", "--debug", "load", "no_such_topic", environment=environment)
    assert "Traceback" in result.stderr
