"""Processes that end, hang or are full of something to say, played by small shell commands."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

from trendscript.local.processes import (
    DiskFull,
    ServerDidNotStart,
    ServerProcess,
    find_process,
    is_running,
    start_process,
    stop_process,
    wait_for,
)

if TYPE_CHECKING:
    from pathlib import Path

MARKER = "a-marker-that-only-this-test-has"


def start(folder: Path, script: str) -> ServerProcess:
    """Start a shell script as a server."""
    command = ["/bin/sh", "-c", script, MARKER]
    return start_process(command, marker=MARKER, folder=folder, log=folder / "server.log")


def wait(folder: Path, process: ServerProcess, seconds: float = 5.0) -> None:
    """Wait for a server that never gets ready."""
    wait_for("Server", process, lambda: False, folder / "server.log", seconds=seconds, log_from=0)


def test_the_end_of_the_log_is_shown(tmp_path: Path) -> None:
    """A server that ends at once is reported with the file and the last of what it said."""
    process = start(tmp_path, "seq 1 100; echo no licence; exit 1")
    with pytest.raises(ServerDidNotStart, match=r"(?s)ended.*server\.log.*\n  100\n  no licence$"):
        wait(tmp_path, process)


def test_a_full_disk_is_told_from_other_faults(tmp_path: Path) -> None:
    """What every server writes when the disk is full becomes the sentence about the disk."""
    process = start(tmp_path, "echo 'FATAL: could not write: No space left on device'; exit 1")
    with pytest.raises(DiskFull, match="disk is full"):
        wait(tmp_path, process)


def test_a_server_that_hangs_is_given_up(tmp_path: Path) -> None:
    """Waiting ends at the limit; a server deaf to the polite signal is killed."""
    process = start(tmp_path, "trap '' TERM; echo deaf; while :; do sleep 0.1; done")
    with pytest.raises(ServerDidNotStart, match="didn't answer within 1 seconds"):
        wait(tmp_path, process, seconds=1.0)
    assert not stop_process(process, signal.SIGTERM, 0.5)
    assert not is_running(process)


def test_only_the_very_process_counts(tmp_path: Path) -> None:
    """Same pid isn't enough: the start time and the marker have to be those of the process that was started."""
    process = start(tmp_path, "while :; do sleep 0.1; done")
    assert is_running(process)
    assert find_process(MARKER) == process
    assert not is_running(ServerProcess(process.pid, process.started - 3600, process.marker))
    assert not is_running(ServerProcess(process.pid, process.started, "another marker"))
    assert stop_process(process, signal.SIGTERM, 5)
    assert find_process(MARKER) is None


def test_a_large_log_is_moved_aside(tmp_path: Path) -> None:
    """A log past ten megabytes is kept under another name and begun anew."""
    (tmp_path / "server.log").write_bytes(b"x" * (10 * 1024 * 1024 + 1))
    process = start(tmp_path, "echo new")
    deadline = time.monotonic() + 5
    while is_running(process) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert (tmp_path / "server.log").read_text() == "new\n"
    assert (tmp_path / "server.log.1").stat().st_size > 10 * 1024 * 1024
