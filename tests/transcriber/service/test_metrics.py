"""Metrics and health as Prometheus and an orchestrator see them."""

from __future__ import annotations

import socket
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console

from transcriber.faults import PassingFault
from transcriber.service.brought import Answer
from transcriber.service.metrics import StatusCollector
from transcriber.service.progress import ProgressDisplay, to_line
from transcriber.service.status import Status
from trendscript.metrics_server import MetricsPortTaken, serve_metrics

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


def _served(status: Status, port: int = 0) -> AbstractContextManager[int]:
    return serve_metrics(StatusCollector(status), status.health, host="127.0.0.1", port=port)


def _get(port: int, path: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def _samples(port: int) -> dict[tuple[str, tuple[str, ...]], float]:
    _, body = _get(port, "/metrics")
    return {
        (sample.name.removeprefix("trendscript_transcriber_"), tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def _health(port: int) -> tuple[int, Any]:
    code, body = _get(port, "/health")
    return code, orjson.loads(body)


def test_every_outcome_is_counted_by_its_reason() -> None:
    """Requests, audio, work, pauses and what waits are all there."""
    status = Status()
    status.note_poll({0: 3, 2: 0})
    status.note_answer(Answer("transcribed", audio_seconds=60.0, seconds=20.0))
    status.note_answer(Answer("failed", reason="private"))
    status.note_answer(Answer("failed", reason="private"))
    status.note_pause(PassingFault("A wall."))
    with _served(status) as port:
        samples = _samples(port)
    assert samples["requests_total", ("transcribed", "")] == 1
    assert samples["requests_total", ("failed", "private")] == 2
    assert samples["audio_seconds_total", ()] == 60
    assert samples["processing_seconds_total", ()] == 20
    assert samples["real_time_factor", ()] == 3
    assert samples["waiting_messages", ("0",)] == 3
    assert samples["pauses_total", ("PassingFault",)] == 1
    assert samples["healthy", ()] == 0
    assert 0 <= samples["seconds_since_progress", ()] < 60


def test_health_follows_the_state() -> None:
    """503 until the group is polled, 200 at work, 503 with the reason while it is paused, 200 when that is mended."""
    status = Status()
    with _served(status) as port:
        assert _health(port)[0] == 503
        status.note_poll({0: 1})
        assert _health(port) == (200, _health(port)[1] | {"state": "working", "waiting": 1, "reason": None})
        status.note_pause(PassingFault("YouTube takes this address for a robot's."))
        code, facts = _health(port)
        assert (code, facts["state"]) == (503, "degraded")
        assert "robot" in facts["reason"]
        status.note_answer(Answer("skipped", reason="already_there"))
        assert _health(port)[0] == 200
        status.last_poll = time.monotonic() - 61
        assert _health(port)[1]["state"] == "stuck"
        assert _get(port, "/else")[0] == 404


def test_a_port_that_is_taken_is_said() -> None:
    """It is a sentence, not a traceback."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(MetricsPortTaken, match=str(port)), _served(Status(), port):
            pass


def test_the_line_says_how_far_and_how_fast() -> None:
    """Minutes done, times real time, and the time left; pieces kept from before don't count as fast work."""
    status = Status()
    status.note_poll({0: 2})
    status.note_begin("dQw4w9WgXcQ")
    assert to_line(status, 0) == "dQw4w9WgXcQ: beginning   0 done, 2 to do"
    status.note_progress(600.0, 3600.0)
    current = status.current
    assert current is not None
    status.note_progress(1200.0, 3600.0)
    line = to_line(status, current.began + 100)
    assert line == "dQw4w9WgXcQ: 20.0 of 60.0 min, 6.0 x real time, 6:40 left   0 done, 2 to do"


def test_without_a_terminal_nothing_is_drawn() -> None:
    """A pipe gets events of the log, and no line that renews itself."""
    console = Console(force_terminal=False)
    with console.capture() as captured, ProgressDisplay(console) as display:
        display.show(Status())
    assert captured.get() == ""
