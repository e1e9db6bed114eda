"""Server processes: a command goes in, a process that outlives us comes out, told apart from any later one."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from trendscript.errors import NeedsAPerson, ServerUnreachable

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from trendscript.local.accounts import Account

_LOG_BYTES = 10 * 1024 * 1024
_START_TOLERANCE = 120.0  # seconds that the start time of a live process can seem to move when the clock is set


class ServerDidNotStart(ServerUnreachable):
    """Raised when a server ended, or didn't answer in time, while it was being started; `output` is what it wrote."""

    def __init__(self, text: str, output: str) -> None:
        self.output = output
        super().__init__(text)


class DiskFull(NeedsAPerson):
    """Raised when there is no room to start a server or to go on."""


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """One started process: its pid, when it started (seconds since 1970), and a word of its command line."""

    pid: int
    started: float
    marker: str


def start_process(  # noqa: PLR0913  (what a process consists of)
    command: Sequence[str],
    *,
    marker: str,
    folder: Path,
    log: Path,
    account: Account | None = None,
    environ: Mapping[str, str] | None = None,
) -> ServerProcess:
    """Start `command` in `folder` as a session of its own, so that it lives on when we and the terminal end.

    Its output is appended to `log`; a log past 10 MB is first moved aside to `<log>.1`.
    """
    if log_size(log) > _LOG_BYTES:
        log.replace(log.with_name(f"{log.name}.1"))
    identity = {} if account is None else account.identity
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=environ,
            **identity,
        )
    try:
        started = psutil.Process(child.pid).create_time()
    except psutil.NoSuchProcess:
        started = time.time()
    return ServerProcess(child.pid, started, marker)


def is_running(process: ServerProcess | None) -> bool:
    """Tell whether the very process is alive: same pid, same start, its marker in the command line."""
    return process is not None and _find(process) is not None


def stop_process(process: ServerProcess, how: signal.Signals, seconds: float) -> bool:
    """Ask the process to stop and wait `seconds`; then kill it. Returns False if it had to be killed."""
    found = _find(process)
    if found is None:
        return True
    found.send_signal(how)
    try:
        found.wait(seconds)
    except psutil.TimeoutExpired:
        found.kill()
        found.wait(seconds)
        return False
    return True


def find_process(marker: str) -> ServerProcess | None:
    """Look among all processes for one with the marker in its command line."""
    for found in psutil.process_iter():
        try:
            if marker in found.cmdline() and found.status() != psutil.STATUS_ZOMBIE:
                return ServerProcess(found.pid, found.create_time(), marker)
        except psutil.Error:
            continue
    return None


def wait_for(  # noqa: PLR0913  (what to wait for, and what to say when it doesn't come)
    name: str,
    process: ServerProcess,
    is_ready: Callable[[], bool],
    log: Path,
    *,
    seconds: float,
    log_from: int,
) -> None:
    """Wait until `is_ready`.

    Raises DiskFull or ServerDidNotStart, with what the log got past byte `log_from`, when the process ends first or
    doesn't get there within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while True:
        if not is_running(process):
            raise failure(name, "ended while it was starting", log, _read_from(log, log_from))
        if is_ready():
            return
        if time.monotonic() > deadline:
            raise failure(name, f"didn't answer within {seconds:.0f} seconds", log, _read_from(log, log_from))
        time.sleep(0.05)


def failure(name: str, what: str, log: Path, output: str) -> ServerDidNotStart | DiskFull:
    """Say why a server didn't start, from what it wrote."""
    if "No space left on device" in output:
        return DiskFull(
            f"{name} couldn't start: the disk is full. Make room where {log.parent.parent} is and try again."
        )
    last = "\n".join(f"  {line}" for line in output.splitlines()[-8:])
    return ServerDidNotStart(f"{name} {what}. Its log is {log}; the end of it:\n{last}", output)


def log_size(log: Path) -> int:
    """Return how many bytes the log has; 0 if it isn't there."""
    return log.stat().st_size if log.exists() else 0


def _read_from(log: Path, position: int) -> str:
    """Read what the log got past `position`, or all of it if it was begun anew since."""
    content = log.read_bytes() if log.exists() else b""
    return content[position if position <= len(content) else 0 :].decode("utf-8", "replace")


def _arguments(process: psutil.Process) -> list[str]:
    """Return the command line, which is empty for an instant while a process turns into another program."""
    for _ in range(20):
        if arguments := list(process.cmdline()):
            return arguments
        time.sleep(0.01)
    return []


def _find(process: ServerProcess) -> psutil.Process | None:
    try:
        found = psutil.Process(process.pid)
        if found.status() == psutil.STATUS_ZOMBIE or abs(found.create_time() - process.started) > _START_TOLERANCE:
            return None
        return found if process.marker in _arguments(found) else None
    except psutil.Error:
        return None
