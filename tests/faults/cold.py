"""Cold scenes: loads that are the command itself, killed as processes are killed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil

from tests.faults.scene import Scene
from tests.real.killing import kill_session, session_of
from tests.real.warehouse import TOPIC

if TYPE_CHECKING:
    import subprocess

    from tests.faults.orders import Order
    from tests.real.warehouse import Warehouse

_LONGEST_END = 120


class ColdScene(Scene):
    """A scene whose loads are the command itself, in processes of their own."""

    warehouse: Warehouse
    options: tuple[str, ...]

    def kill(self, order: Order, victims: str) -> None:
        """Start a load, hold it at a point, and kill it there; what is left of it goes on from that point."""
        self.order(order)
        process = self.warehouse.start("load", TOPIC, *self.options)
        try:
            self.faults.wait(alive=lambda: process.poll() is None)
            _kill(process, victims)
            self.fault_now()
        finally:
            if process.poll() is None:
                kill_session(process.pid)
        # Whoever was not killed wakes up while the next load is at work, or has long lost its connection.
        if self.chance.random() < 0.5:
            self.faults.withdraw()
        self.warehouse.load(*self.options)
        self.recovered()
        self.faults.withdraw()
        _, alive = psutil.wait_procs(session_of(process.pid), timeout=_LONGEST_END)
        assert alive == []
        assert process.wait(_LONGEST_END) != 0


def _kill(process: subprocess.Popen[bytes], victims: str) -> None:
    if victims == "all":
        kill_session(process.pid)
    elif victims == "driver":
        process.kill()
        process.wait()
    else:
        for found in session_of(process.pid):
            if found.name() == "java":
                found.kill()
        process.wait(_LONGEST_END)  # the lease is its own for as long as it tries
