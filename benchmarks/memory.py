"""Peak memory of a session of processes and of PostgreSQL: their leaders go in, each kind's highest comes out."""

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
_ROLLUP = re.compile(r"^(Pss_Anon|Pss_Shmem):\s+(\d+) kB", re.MULTILINE)


class MemoryWatch:
    """Watches a session and a server while the block runs; `peaks` has bytes of driver, jvm, workers and postgres."""

    def __init__(self, leader: int, postgres: psutil.Process) -> None:
        self._leader = leader
        self._postgres = postgres
        self._highest_postgres = 0.0
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
        """Sums of what each process had at its highest, shared pages in each; of PostgreSQL as it was at once."""
        found = {"driver": 0, "jvm": 0, "workers": 0}
        for kind, highest in self._highest.values():
            found[kind] += highest
        return found | {"postgres": round(self._highest_postgres)}

    def _watch(self) -> None:
        while not self._ended.wait(_LOOK_EVERY):
            for process in psutil.process_iter():
                with suppress(psutil.Error, OSError):
                    self._look(process)
            self._highest_postgres = max(self._highest_postgres, proportional(self._postgres))

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


def postgres_of(home: Path) -> psutil.Process:
    """The server process of the stack under this home."""
    first, *_ = (home / "postgres" / "data" / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    return psutil.Process(int(first))


def own_and_cache(server: psutil.Process) -> tuple[float, float]:
    """Bytes that a server and its children have for themselves, and of the cache that they share (`shared_buffers`)."""
    own = cache = 0
    for process in (server, *server.children(recursive=True)):
        with suppress(OSError):
            found = dict(_ROLLUP.findall(Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="utf-8")))
            own += int(found["Pss_Anon"]) * 1024
            cache += int(found["Pss_Shmem"]) * 1024
    return own, cache


def proportional(server: psutil.Process) -> float:
    """Bytes of a server and its children; what they share is counted once."""
    total = 0
    for process in (server, *server.children(recursive=True)):
        with suppress(psutil.Error):
            total += process.memory_full_info().pss
    return total
