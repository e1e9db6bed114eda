"""Metrics and health over HTTP: what gives them goes in, /metrics for Prometheus and /health come out."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import orjson
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from trendscript.errors import NeedsAPerson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prometheus_client.registry import Collector


class MetricsPortTaken(NeedsAPerson):
    """Raised when metrics can't be served at the address that was asked for."""


@contextmanager
def serve_metrics(
    collector: Collector, health: Callable[[], tuple[bool, dict[str, Any]]], *, host: str, port: int
) -> Iterator[int]:
    """Serve /metrics and /health for the block, and yield the port: a free one for 0.

    `health` says whether all is well, which answers 200 or 503, and what to know about it. Both are asked at each
    request, in a thread of its own. Raises MetricsPortTaken.
    """
    registry = CollectorRegistry()
    registry.register(collector)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.partition("?")[0] == "/metrics":
                self._answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(registry))
            elif self.path.partition("?")[0] == "/health":
                healthy, facts = health()
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
