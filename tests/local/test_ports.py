"""Ports: whose they are."""

from __future__ import annotations

import os
import socket
from contextlib import closing

import psutil

from trendscript.local.ports import LOOPBACK, is_held_by


def test_a_port_is_held_by_the_process_that_listens_on_it() -> None:
    """Not by another that runs, not by one that is gone, and not after it stopped listening."""
    with closing(socket.create_server((LOOPBACK, 0))) as server:
        port = server.getsockname()[1]
        assert is_held_by(os.getpid(), port)
        assert not is_held_by(psutil.Process().ppid(), port)
        assert not is_held_by(2**22 - 1, port)
    assert not is_held_by(os.getpid(), port)
