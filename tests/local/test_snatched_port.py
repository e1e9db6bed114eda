"""A port that another program takes between the choice and the start, and gives back."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

from trendscript.local import stack
from trendscript.local.broker import Broker
from trendscript.local.database import Database
from trendscript.local.ports import LOOPBACK
from trendscript.local.processes import is_running

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from trendscript.local.processes import ServerProcess

_SECONDS = 60


@pytest.mark.parametrize("service", [Broker, Database])
def test_a_server_whose_port_was_taken_for_a_moment_is_started_again(
    home: Path, service: type[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first start meets the other program, the second one doesn't."""
    start, starts = service.start, []

    def start_and_meet_another(self: Any, ports: Sequence[int], on_progress: Callable[[str], None]) -> ServerProcess:
        starts.append(ports)
        if len(starts) > 1:
            started: ServerProcess = start(self, ports, on_progress)
            return started
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of the test before linger
            other.bind((LOOPBACK, ports[0]))
            other.listen()
            process: ServerProcess = start(self, ports, on_progress)
            until = time.monotonic() + _SECONDS
            while is_running(process) and time.monotonic() < until:
                time.sleep(0.05)
        return process

    monkeypatch.setattr(service, "start", start_and_meet_another)
    found = stack.up(home)
    assert len(starts) == 2
    assert found.kafka.address
    assert found.postgres.address
    stack.down(home)
