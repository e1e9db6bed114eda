"""Ports: what was used before goes in, a free port of the loopback interface comes out."""

from __future__ import annotations

import random
import socket
from typing import TYPE_CHECKING

import psutil

from trendscript.errors import TryAgainLater

if TYPE_CHECKING:
    from collections.abc import Collection

LOOPBACK = "127.0.0.1"
# What a server logs when another program took its port after it was chosen, and perhaps gave it back since.
PORT_SNATCHED = "Address already in use"
# Below what Linux, macOS and Windows hand out to outgoing connections, so a remembered port stays free.
_RANGE = range(20_000, 32_000)


class NoFreePort(TryAgainLater):
    """Raised when no port of many tried is free."""


def is_free(port: int) -> bool:
    """Tell whether a server could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def is_held_by(pid: int, port: int) -> bool:
    """Tell whether the process listens on the port; another program's server there is not it."""
    try:
        connections = psutil.Process(pid).net_connections(kind="tcp")
    except psutil.Error:
        return False
    return any(found.status == psutil.CONN_LISTEN and found.laddr.port == port for found in connections)


def choose_port(preferred: int, taken: Collection[int] = ()) -> int:
    """Return `preferred` if it is free, else some other free port that isn't in `taken`."""
    for port in (preferred, *random.sample(_RANGE, 100)):
        if port not in taken and is_free(port):
            return port
    raise NoFreePort("None of a hundred ports tried on 127.0.0.1 is free. End what holds them and try again.")
