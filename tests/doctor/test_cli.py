"""`trendscript doctor` as a person and a script see it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import structlog
from typer.testing import CliRunner

from tests.warehouse.conftest import run_command
from trendscript.cli.doctor import to_line
from trendscript.cli.main import app
from trendscript.doctor.checkup import CHECKS
from trendscript.doctor.finding import Finding, Result

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Stack

KEY = "canary-key-of-the-doctor"


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """Commands set up logging for their process, to a standard error that is closed when the test ends."""
    yield
    structlog.reset_defaults()


def test_a_line_a_check(tmp_path: Path) -> None:
    """With nothing up: each line has its state, its name and a sentence; the code is that of a missing server."""
    home = {"TRENDSCRIPT_HOME": str(tmp_path / "home"), "YOUTUBE_API_KEY": KEY}
    result = CliRunner().invoke(app, ["doctor"], env=home)
    assert result.exit_code == 69
    assert [line[12:27].strip() for line in result.stdout.splitlines()] == [check.name for check in CHECKS]
    assert "unreachable kafka" in result.stdout
    assert KEY not in result.output


def test_json_has_the_same(stack: Stack, database: str, tmp_path: Path) -> None:
    """Every check with state, words, mend and seconds, and the code that the command ends with."""
    result = run_command(
        database,
        "doctor",
        "--json",
        "--min-free-percent",
        "100",
        KAFKA_BOOTSTRAP_SERVERS=stack.bootstrap_servers,
        TRENDSCRIPT_HOME=str(tmp_path / "home"),
        YOUTUBE_API_KEY=KEY,
    )
    found = json.loads(result.stdout)
    assert [check["name"] for check in found["checks"]] == [check.name for check in CHECKS]
    assert {"name", "state", "found", "mend", "seconds"} == set(found["checks"][0])
    by_name = {check["name"]: check for check in found["checks"]}
    assert (by_name["postgres"]["state"], by_name["home disk"]["state"]) == ("ok", "warning")
    assert result.exit_code == found["exit_code"]
    assert KEY not in result.output


def test_a_finding_is_one_line() -> None:
    """State, name, what was found and its mend; nothing behind it where there is none."""
    assert to_line(Result("topics", Finding("broken", "Missing: a.", "Run it."), 0.1)) == (
        "broken      topics         Missing: a. Run it."
    )
    assert to_line(Result("java", Finding("ok", "Java 21."), 0.1)).endswith("Java 21.")
