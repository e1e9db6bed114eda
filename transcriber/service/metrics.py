"""Metrics and health over HTTP: the service's status goes in, /metrics for Prometheus and /health come out."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import orjson
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from trendscript.errors import NeedsAPerson

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.metrics_core import Metric

    from transcriber.service.status import Status

_PREFIX = "trendscript_transcriber"


class MetricsPortTaken(NeedsAPerson):
    """Raised when metrics can't be served at the address that was asked for."""


class StatusCollector(Collector):
    """Gives the status as Prometheus takes it, as it is when it is asked."""

    def __init__(self, status: Status) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        """Every metric of the service."""
        status = self._status
        tally = status.tally
        videos = CounterMetricFamily(
            f"{_PREFIX}_requests", "Requests by what became of them.", labels=["outcome", "reason"]
        )
        for (outcome, reason), count in status.outcomes().items():
            videos.add_metric([outcome, reason], count)
        yield videos
        pauses = CounterMetricFamily(f"{_PREFIX}_pauses", "Pauses for faults that are no video's.", labels=["fault"])
        for fault, count in status.pauses().items():
            pauses.add_metric([fault], count)
        yield pauses
        waiting = GaugeMetricFamily(f"{_PREFIX}_waiting_messages", "Requests not committed yet.", labels=["partition"])
        for partition, count in status.waiting().items():
            waiting.add_metric([str(partition)], count)
        yield waiting
        yield CounterMetricFamily(f"{_PREFIX}_audio_seconds", "Audio transcribed.", value=tally.audio_seconds)
        yield CounterMetricFamily(f"{_PREFIX}_processing_seconds", "Time that took.", value=tally.seconds)
        yield from _gauges(status)


def _gauges(status: Status) -> Iterator[Metric]:
    now = time.monotonic()
    yield GaugeMetricFamily(
        f"{_PREFIX}_real_time_factor",
        "Seconds of audio a second of work, of the last video; 0 before the first.",
        value=status.last_speed or 0.0,
    )
    yield GaugeMetricFamily(
        f"{_PREFIX}_seconds_since_progress",
        "Since a piece was done or a request answered.",
        value=now - status.last_progress,
    )
    yield GaugeMetricFamily(f"{_PREFIX}_healthy", "1 while requests are served.", value=float(status.health()[0]))


@contextmanager
def serve_metrics(status: Status, *, host: str, port: int) -> Iterator[int]:
    """Serve /metrics and /health for the block, and yield the port: a free one for 0. Raises MetricsPortTaken."""
    registry = CollectorRegistry()
    registry.register(StatusCollector(status))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.partition("?")[0] == "/metrics":
                self._answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(registry))
            elif self.path.partition("?")[0] == "/health":
                healthy, facts = status.health()
                code = HTTPStatus.OK if healthy else HTTPStatus.SERVICE_UNAVAILABLE
                self._answer(code, "application/json", orjson.dumps(facts))
            else:
                self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"/metrics or /health\n")

        def _answer(self, code: HTTPStatus, kind: str, body: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the name the base class gives it)
            """Say nothing: a probe comes every few seconds."""

    try:
        server = ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        raise MetricsPortTaken(
            f"Metrics can't be served at {host}:{port} ({error.strerror}). Name another --metrics-port."
        ) from error
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
