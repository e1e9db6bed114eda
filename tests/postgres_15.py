"""Debian's PostgreSQL 15, which has what the embedded one lacks: its age, and TLS."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest

from tests.certificates import Authority
from trendscript.endpoints import postgres_dsn
from trendscript.local.accounts import server_account
from trendscript.local.ports import LOOPBACK, choose_port
from trendscript.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PROGRAMS = Path("/usr/lib/postgresql/15/bin")
SUPERUSER = "postgres"
PASSWORD = "s3/cr+et x"  # noqa: S105  (made up)
"""The superuser's behind a locked door: with what a URL has to be told about."""

_OPEN = f"host all all {LOOPBACK}/32 trust\n"
_LOCKED = f"hostssl all all {LOOPBACK}/32 scram-sha-256\n"

needs_postgres_15 = pytest.mark.skipif(
    not (PROGRAMS / "postgres").exists(), reason=f"there is no PostgreSQL 15 in {PROGRAMS} (Debian: postgresql-15)"
)


@dataclass(frozen=True, slots=True)
class LockedPostgres:
    """A server whose certificate says `localhost`, which lets in by TLS and password only."""

    folder: Path
    port: int
    authority: Path

    def settings(self, user: str = SUPERUSER, password: str = PASSWORD, **changes: str) -> dict[str, str]:
        """The environment of a command that enters as it should, but for the changes."""
        return {
            "POSTGRES_HOST": "localhost",
            "POSTGRES_PORT": str(self.port),
            "POSTGRES_USER": user,
            "POSTGRES_PASSWORD": password,
            "POSTGRES_SSLMODE": "verify-full",
            "POSTGRES_SSLROOTCERT": str(self.authority),
            **changes,
        }

    def dsn(self, user: str = SUPERUSER, password: str = PASSWORD, **changes: str) -> str:
        """The address that such settings give."""
        settings = {name.lower(): value for name, value in self.settings(user, password, **changes).items()}
        return postgres_dsn(Settings.model_validate(settings))

    def query(self, statement: str, *values: Any, database: str = "trendscript") -> list[tuple[Any, ...]]:
        """Rows of a statement as the superuser; what it changes is kept."""
        connection = psycopg2.connect(
            host=LOOPBACK, port=self.port, dbname=database, user=SUPERUSER, password=PASSWORD, sslmode="require"
        )
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement, values or None)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()


@contextmanager
def open_postgres() -> Iterator[str]:
    """A server that lets in everybody from here; the superuser's address of its first database."""
    with _folder() as folder, _server(folder, _OPEN) as port:
        yield f"postgresql://{SUPERUSER}@{LOOPBACK}:{port}/postgres"


@contextmanager
def locked_postgres() -> Iterator[LockedPostgres]:
    """A server behind TLS, with a password for its superuser and none yet for others."""
    with _folder() as folder:
        authority = Authority.make(folder / "authority.pem")
        files = authority.certify(folder, "localhost")
        authority.file.chmod(0o644)
        _give_away(folder, *files)
        tls = ["ssl=on", f"ssl_cert_file={files[0]}", f"ssl_key_file={files[1]}"]
        with _server(folder, _LOCKED, tls) as port:
            yield LockedPostgres(folder, port, authority.file)


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="trendscript-postgres-15-"))
    try:
        _give_away(folder)
        folder.chmod(0o711)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _give_away(*paths: Path) -> None:
    account = server_account()
    if account is not None:
        for path in paths:
            os.chown(path, account.uid, account.gid)


@contextmanager
def _server(folder: Path, access: str, settings: Sequence[str] = ()) -> Iterator[int]:
    """A server with its data in the folder; its port."""
    account = server_account()
    identity: dict[str, Any] = {} if account is None else account.identity
    data, port, secret = folder / "data", choose_port(15_500), folder / "password"
    secret.write_text(PASSWORD, encoding="ascii")
    options = ["-U", SUPERUSER, "--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8", "--locale=C"]
    subprocess.run([PROGRAMS / "initdb", "-D", data, *options], cwd=folder, check=True, capture_output=True, **identity)
    (data / "pg_hba.conf").write_text(access, encoding="ascii")
    command = [str(PROGRAMS / "postgres"), "-D", str(data), "-h", LOOPBACK, "-p", str(port), "-k", ""]
    added = [word for setting in ("fsync=off", *settings) for word in ("-c", setting)]
    with subprocess.Popen([*command, *added], cwd=folder, stderr=subprocess.DEVNULL, **identity) as server:
        try:
            _wait(port, server)
            yield port
        finally:
            server.send_signal(signal.SIGINT)  # SIGTERM waits until every session has ended


def _wait(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg2.connect(host=LOOPBACK, port=port, user=SUPERUSER, password=PASSWORD, dbname="postgres").close()
        except psycopg2.OperationalError:
            assert server.poll() is None, "PostgreSQL 15 ended while it was starting"
            assert time.monotonic() < deadline, "PostgreSQL 15 didn't answer within a minute"
            time.sleep(0.1)
        else:
            return
