"""Log lines as a program and a person get them."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING, Any

import structlog

from trendscript.logs import configure_logging, run_id

if TYPE_CHECKING:
    import pytest


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_events_are_json_where_no_terminal_reads_them(capsys: pytest.CaptureFixture[str]) -> None:
    """A line each, with its fields, those bound around it, the time and the run; below the level there is none."""
    configure_logging("INFO")
    log = structlog.get_logger("a test")
    with structlog.contextvars.bound_contextvars(topic="charts", batch_id=17):
        log.info("batch_committed", read=3)
        log.debug("step")
    log.warning("later")
    first, second = _lines(capsys)
    assert first.items() >= {"event": "batch_committed", "read": 3, "topic": "charts", "batch_id": 17}.items()
    assert first["level"] == "info"
    assert first["timestamp"].endswith("Z")
    assert first["run_id"] == second["run_id"] == run_id()
    assert "topic" not in second


def test_a_run_goes_by_one_id() -> None:
    """Twelve digits, the same for the whole process."""
    assert run_id() == run_id()
    assert len(run_id()) == 12
    assert int(run_id(), 16) >= 0


def test_a_traceback_is_a_field(capsys: pytest.CaptureFixture[str]) -> None:
    """One line, whatever the exception's own text is."""
    configure_logging()
    try:
        int("one\ntwo")
    except ValueError:
        structlog.get_logger("a test").exception("bug")
    (line,) = _lines(capsys)
    assert r"'one\ntwo'" in line["exception"]
    assert line["exception"].startswith("Traceback")


def test_events_follow_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes its place, as a progress line on a terminal does, gets them; a person sees no JSON."""
    before, after = _Terminal(), _Terminal()
    monkeypatch.setattr(sys, "stderr", before)
    configure_logging()
    log = structlog.get_logger("a test")
    monkeypatch.setattr(sys, "stderr", after)
    log.info("batch_committed", read=3)
    assert before.getvalue() == ""
    assert "batch_committed" in after.getvalue()
    assert "{" not in after.getvalue()
