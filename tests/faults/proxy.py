"""A loopback TCP proxy that fails as networks do: it cuts, resets, delays and swallows what passes through it."""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

_HOST = "127.0.0.1"
_PIECE = 65_536
_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happens to connections, each counted by itself.

    `cut_up` and `cut_down` are the bytes to and from the server after which a connection is reset; `cut_before` resets
    it when the server says these bytes, which don't pass; `delay` holds up each piece by seconds; `swallow` lets
    nothing through and says nothing; `refuse` resets new connections. `times` limits how many connections it befalls.
    """

    cut_up: int | None = None
    cut_down: int | None = None
    cut_before: bytes | None = None
    delay: float = 0.0
    swallow: bool = False
    refuse: bool = False
    times: int | None = None


_NONE = Trouble()


class Proxy:
    """Passes connections on to a server on this machine.

    `trouble` is what is made of them now, `befallen` how many have met it.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self.trouble = _NONE
        self.befallen = 0
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server((_HOST, 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.reset_all()

    def make(self, trouble: Trouble) -> None:
        """From now on, also for connections that are open."""
        with self._lock:
            self.trouble, self.befallen = trouble, 0

    def heal(self) -> None:
        """Let everything pass again; what was swallowed is lost, so its connections are reset."""
        swallowed = self.trouble.swallow
        with self._lock:
            self.trouble = _NONE
        if swallowed:
            self.reset_all()

    def reset_all(self) -> None:
        """Reset every connection."""
        with self._lock:
            found = list(self._open)
        for connection in found:
            _reset(connection)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        if self.trouble.refuse and self.befall():
            _reset(client)
            return
        with suppress(OSError, ValueError), socket.create_connection((_HOST, self._target)) as server, client:
            ends = {client, server}
            with self._lock:
                self._open |= ends
            try:
                _Passage(self, client, server).run()
            finally:
                with self._lock:
                    self._open -= ends

    def befall(self) -> bool:
        """Count one more connection that meets the trouble; False when enough have."""
        with self._lock:
            if self.trouble.times is not None and self.befallen >= self.trouble.times:
                return False
            self.befallen += 1
            return True


class _Passage:
    """One connection and what has passed through it."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._passed = {"up": 0, "down": 0}
        self._delayed = False

    def run(self) -> None:
        """Pass bytes on until an end closes or trouble ends it."""
        while True:
            ready, _, _ = select.select([self._client, self._server], [], [], 0.2)
            if self._proxy.trouble.swallow:
                if ready and not self._swallow():
                    return
                continue
            for end in ready:
                if not self._pass(end):
                    return

    def _swallow(self) -> bool:
        """Say nothing and read nothing while the trouble lasts."""
        self._proxy.befall()
        while self._proxy.trouble.swallow:
            time.sleep(0.02)
        return False

    def _pass(self, end: socket.socket) -> bool:
        """Pass one piece on; False at the end of the connection."""
        up = end is self._client
        piece = end.recv(_PIECE)
        if not piece:
            return False
        trouble, way = self._proxy.trouble, "up" if up else "down"
        self._delay(trouble)
        limit = trouble.cut_up if up else trouble.cut_down
        said = not up and trouble.cut_before is not None and trouble.cut_before in piece
        past = limit is not None and self._passed[way] + len(piece) > limit
        if (said or past) and self._proxy.befall():
            left = 0 if said else max(0, (limit or 0) - self._passed[way])
            with suppress(OSError):
                (self._server if up else self._client).sendall(piece[:left])
            _reset(self._client)
            _reset(self._server)
            return False
        self._passed[way] += len(piece)
        (self._server if up else self._client).sendall(piece)
        return True

    def _delay(self, trouble: Trouble) -> None:
        if trouble.delay:
            if not self._delayed:
                self._delayed = self._proxy.befall()
            if self._delayed:
                time.sleep(trouble.delay)


def _reset(connection: socket.socket) -> None:
    """Close without a farewell: the other side gets RST."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        connection.close()
