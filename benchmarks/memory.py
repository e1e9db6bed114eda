"""Peak memory of a session of processes: its leader goes in, each kind's highest resident size comes out."""

from __future__ import annotations

import os
import re
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

import psutil

_LOOK_EVERY = 0.2
_HIGHEST = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)


class MemoryWatch:
    """Watches a session while the block runs. `peaks` are bytes by kind: driver, jvm, workers."""

    def __init__(self, leader: int) -> None:
        self._leader = leader
        self._highest: dict[int, tuple[str, int]] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def peaks(self) -> dict[str, int]:
        """Sums of what each process had at its highest; shared pages are counted in each."""
        found = {"driver": 0, "jvm": 0, "workers": 0}
        for kind, highest in self._highest.values():
            found[kind] += highest
        return found

    def _watch(self) -> None:
        while not self._ended.wait(_LOOK_EVERY):
            for process in psutil.process_iter():
                with suppress(psutil.Error, OSError):
                    self._look(process)

    def _look(self, process: psutil.Process) -> None:
        if os.getsid(process.pid) != self._leader:
            return
        found = _HIGHEST.search(Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8"))
        if found:
            self._highest[process.pid] = (self._kind(process), int(found[1]) * 1024)

    def _kind(self, process: psutil.Process) -> str:
        if process.pid == self._leader:
            return "driver"
        return "jvm" if process.name() == "java" else "workers"
