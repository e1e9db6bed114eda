"""The local stack: a home folder goes in; a Kafka broker and a PostgreSQL server, started, stopped or described."""

from __future__ import annotations

import errno
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from trendscript.errors import NeedsAPerson
from trendscript.local.broker import Broker
from trendscript.local.database import Database
from trendscript.local.locks import lock_file
from trendscript.local.ports import choose_port, is_free
from trendscript.local.processes import (
    DiskFull,
    ServerDidNotStart,
    ServerProcess,
    find_process,
    is_running,
    log_size,
    stop_process,
    wait_for,
)
from trendscript.local.state import State, read_state, save_state

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    Progress = Callable[[str], None]

_ROOM = 512 * 1024 * 1024  # what two fresh servers and their first logs take, with something to spare
_ATTEMPTS = 5
_START_SECONDS = 180.0  # after a kill, Kafka checks its files and PostgreSQL replays up to 4 GB before they answer
_STOP_SECONDS = 60.0


class HomeRefused(NeedsAPerson):
    """Raised when the folder for the stack can't be made or written."""


class Service(Protocol):
    """What the stack asks of each of its servers."""

    name: ClassVar[str]
    preferred_ports: ClassVar[Sequence[int]]
    stop_signal: ClassVar[signal.Signals]
    passing_faults: ClassVar[Sequence[str]]
    home: Path
    log: Path
    state_file: Path

    @property
    def marker(self) -> str:
        """An argument that no process but this home's server has."""

    def start(self, ports: Sequence[int], on_progress: Progress) -> ServerProcess:
        """Start the server, and make its folder the first time; doesn't wait until it answers."""

    def is_ready(self, process: ServerProcess, ports: Sequence[int]) -> bool:
        """Tell whether this very process answers."""

    def finish(self, ports: Sequence[int]) -> None:
        """Make in the answering server what has to be there."""

    def address(self, ports: Sequence[int]) -> str:
        """Return what clients need to reach the server."""


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """One server: whether it runs, its process, what clients need to reach it (None: never given out), its log."""

    running: bool
    pid: int | None
    address: str | None
    log: Path


@dataclass(frozen=True, slots=True)
class StackStatus:
    """Both servers of the stack in `home`."""

    home: Path
    kafka: ServerStatus
    postgres: ServerStatus

    @property
    def running(self) -> bool:
        """Tell whether both servers run."""
        return self.kafka.running and self.postgres.running


def up(home: Path, on_progress: Progress = lambda _: None) -> StackStatus:
    """Make sure that both servers run and answer, with their data under `home`; what runs already is left alone.

    Ports are those of the last time, unless another program has taken one: then that is said and another is used.
    Raises ServerDidNotStart, DiskFull, HomeRefused, JarsUnreachable, JavaMissing or AccountRefused.
    """
    home = home.expanduser().absolute()
    with _disk_errors_named(home):
        (home / "logs").mkdir(parents=True, exist_ok=True)
        with _locked(home, on_progress), ThreadPoolExecutor() as pool:
            for start in [pool.submit(_ensure_running, service, on_progress) for service in _services(home)]:
                start.result()
    return status(home)


def down(home: Path, on_progress: Progress = lambda _: None) -> None:
    """Stop the servers that `up` started for `home`, and nothing else; harmless when none runs."""
    home = home.expanduser().absolute()
    if not home.is_dir():
        return
    with _disk_errors_named(home), _locked(home, on_progress), ThreadPoolExecutor() as pool:
        for stop in [pool.submit(_stop, service, on_progress) for service in _services(home)]:
            stop.result()


def status(home: Path) -> StackStatus:
    """Describe the stack of `home` without changing anything."""
    home = home.expanduser().absolute()
    kafka, postgres = (_status(service) for service in _services(home))
    return StackStatus(home, kafka, postgres)


def _services(home: Path) -> tuple[Service, Service]:
    return Broker(home), Database(home)


def _ensure_running(service: Service, on_progress: Progress) -> None:
    state = _current(service)
    if state.process is None:
        state = _start(service, state.ports, on_progress)
    else:
        _wait(service, state, log_size(service.log))
    service.finish(state.ports)


def _start(service: Service, remembered: Sequence[int], on_progress: Progress) -> State:
    """Start the server and wait for it, again where the fault was a passing one or a port was snatched meanwhile."""
    _check_room(service.home)
    for attempt in range(1, _ATTEMPTS + 1):
        ports = _choose_ports(service, remembered, on_progress)
        save_state(service.state_file, State(ports))
        log_from = log_size(service.log)
        state = State(ports, service.start(ports, on_progress))
        save_state(service.state_file, state)
        try:
            _wait(service, state, log_from)
        except ServerDidNotStart as fault:
            passing = any(text in fault.output for text in service.passing_faults)
            if attempt == _ATTEMPTS or not (passing or not all(is_free(port) for port in ports)):
                raise
            time.sleep(attempt)
        else:
            return state
    raise AssertionError  # the last attempt returned or raised


def _wait(service: Service, state: State, log_from: int) -> None:
    """Wait until the server answers; one that doesn't is stopped."""
    process = state.process
    if process is None:
        return
    try:
        wait_for(
            service.name,
            process,
            lambda: service.is_ready(process, state.ports),
            service.log,
            seconds=_START_SECONDS,
            log_from=log_from,
        )
    except BaseException:
        stop_process(process, service.stop_signal, _STOP_SECONDS)
        raise


def _choose_ports(service: Service, remembered: Sequence[int], on_progress: Progress) -> tuple[int, ...]:
    ports: list[int] = []
    for wanted in remembered or service.preferred_ports:
        port = choose_port(wanted, taken=ports)
        if remembered and port != wanted:
            on_progress(
                f"Port {wanted}, which {service.name} had before, is taken by another program: {service.name} is on "
                f"{port} from now on. Tell clients that keep the address; `trendscript status` shows it."
            )
        ports.append(port)
    return tuple(ports)


def _stop(service: Service, on_progress: Progress) -> None:
    state = _current(service)
    if state.process is None:
        return
    if not stop_process(state.process, service.stop_signal, _STOP_SECONDS):
        on_progress(f"{service.name} didn't stop within {_STOP_SECONDS:.0f} seconds and was killed; its data are safe.")
    save_state(service.state_file, State(state.ports))


def _current(service: Service) -> State:
    """Read the state; its process is None unless it is alive. An `up` that was killed may not have noted it."""
    state = read_state(service.state_file)
    if is_running(state.process):
        return state
    return State(state.ports, find_process(service.marker) if state.ports else None)


def _status(service: Service) -> ServerStatus:
    state = read_state(service.state_file)
    running = is_running(state.process)
    pid = state.process.pid if running and state.process else None
    return ServerStatus(running, pid, service.address(state.ports) if state.ports else None, service.log)


def _check_room(home: Path) -> None:
    free = shutil.disk_usage(home).free
    if free < _ROOM:
        raise _disk_full(home, f"only {free // 2**20} MB of it are free, {_ROOM // 2**20} are needed to start")


def _disk_full(home: Path, detail: str) -> DiskFull:
    return DiskFull(
        f"The disk that holds {home} is full: {detail}. Make room, or set TRENDSCRIPT_HOME to a folder on another disk."
    )


@contextmanager
def _locked(home: Path, on_progress: Progress) -> Iterator[None]:
    waiting = f"Another `trendscript up` or `down` is at work in {home}; waiting for it."
    with lock_file(home / ".lock", lambda: on_progress(waiting)):
        yield


@contextmanager
def _disk_errors_named(home: Path) -> Iterator[None]:
    """Turn what the disk or its permissions refuse into a sentence."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise _disk_full(home, "the servers' files can't be written") from error
        if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}:
            raise HomeRefused(
                f"{error.filename or home} can't be used for the local stack ({error.strerror}). Mend its permissions, "
                "or set TRENDSCRIPT_HOME to a folder of yours."
            ) from error
        raise
