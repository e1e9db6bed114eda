"""A server on the loopback interface: what answers requests goes in, it listens at a port of its own until it ends."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Generic, Self, TypeVar

if TYPE_CHECKING:
    from types import TracebackType

Owner = TypeVar("Owner")


class LoopbackServer:
    """A context manager that serves between enter and exit; handlers find whom they serve for in `server.owner`."""

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        self._server = _Server(self, handler)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer, Generic[Owner]):
    daemon_threads = True
    block_on_close = False

    def __init__(self, owner: Owner, handler: type[BaseHTTPRequestHandler]) -> None:
        self.owner = owner
        super().__init__(("127.0.0.1", 0), handler)

    def handle_error(self, *_: object) -> None:
        """Say nothing: a client that gave up has closed its end."""


class QuietHandler(BaseHTTPRequestHandler, Generic[Owner]):
    """What handlers have in common: no delays, and no log, as owners note what was asked."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server[Owner]

    def log_message(self, *_: object) -> None:
        """Say nothing."""
