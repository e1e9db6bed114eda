"""Servers that a case may kill: a PostgreSQL of its own, and a Kafka whose clients all pass through a proxy."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psutil
import psycopg2

from trendscript.local import broker
from trendscript.local.database import Database
from trendscript.local.ports import choose_port
from trendscript.local.processes import stop_process
from trendscript.migrations import migrate

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from trendscript.local.processes import ServerProcess
    from trendscript.local.stack import Service

_SECONDS = 120


class _Server:
    """A server of the local stack, started and killed by a test."""

    def __init__(self, service: Service, ports: tuple[int, ...]) -> None:
        self._service, self._ports = service, ports
        self._process: ServerProcess | None = None
        (service.home / "logs").mkdir(parents=True, exist_ok=True)

    @property
    def port(self) -> int:
        """Where clients reach it."""
        return self._ports[0]

    def start(self) -> None:
        """Start it and wait until it answers, though children of a killed one may be in the way for a moment."""
        deadline = time.monotonic() + _SECONDS
        while True:
            self._process = process = self._service.start(self._ports, lambda _: None)
            while psutil.pid_exists(process.pid) and psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
                if self._service.is_ready(process, self._ports):
                    self._service.finish(self._ports)
                    return
                assert time.monotonic() < deadline, f"{self._service.name} does not answer"
                time.sleep(0.05)
            assert time.monotonic() < deadline, f"{self._service.name} does not start"
            time.sleep(0.2)

    def processes(self) -> list[psutil.Process]:
        """The server and its children."""
        assert self._process is not None
        server = psutil.Process(self._process.pid)
        return [server, *server.children(recursive=True)]

    def kill(self) -> None:
        """SIGKILL to all of it."""
        found = self.processes()
        for process in found:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(found, timeout=_SECONDS)

    def stop(self) -> None:
        """End it as it should end."""
        if self._process is not None:
            stop_process(self._process, self._service.stop_signal, _SECONDS)


class OwnPostgres(_Server):
    """A PostgreSQL with a migrated database to copy."""

    template = "migrated"

    def __init__(self, home: Path) -> None:
        super().__init__(Database(home), (choose_port(25_432),))
        self.start()
        self._execute(f"create database {self.template}")
        migrate(self.at(self.template))

    def at(self, database: str) -> str:
        """The superuser's address of a database."""
        address = urlsplit(self._service.address(self._ports))
        return address._replace(path=f"/{database}").geturl()

    def make_database(self, name: str) -> str:
        """A copy of the template; its address."""
        self._execute(f"create database {name} template {self.template}")
        return self.at(name)

    def drop_database(self, name: str) -> None:
        """Remove it, whoever is connected."""
        self._execute(f"drop database if exists {name} with (force)")

    def kill_a_backend(self) -> None:
        """SIGKILL to one load's process in the server, after which it ends all others and recovers."""
        ((pid,),) = self.rows("select pid from pg_stat_activity where application_name like 'trendscript%' limit 1")
        psutil.Process(pid).kill()

    def rows(self, statement: str) -> list[tuple[int]]:
        """Rows of a statement, of the server's own database."""
        connection = psycopg2.connect(self.at("postgres"))
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return list(cursor.fetchall())
        finally:
            connection.close()

    def wait_until_up(self) -> None:
        """Return once it takes connections again."""
        deadline = time.monotonic() + _SECONDS
        while True:
            try:
                self.rows("select 1")
            except psycopg2.OperationalError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            else:
                return

    def _execute(self, statement: str) -> None:
        connection = psycopg2.connect(self.at("postgres"))
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
        finally:
            connection.close()


class OwnKafka(_Server):
    """A Kafka that tells its clients another port than it listens on: the one of a proxy."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(broker.Broker(home), (choose_port(29_092), choose_port(29_093)))
        self._monkeypatch = monkeypatch

    def start_behind(self, proxy_port: int) -> None:
        """Start it so that every client comes by the proxy's port."""
        listed = "advertised.listeners=PLAINTEXT://{host}:"
        template = broker._SERVER_PROPERTIES  # noqa: SLF001  (the product has no need of a proxy)
        behind = template.replace(f"{listed}{{port}}", f"{listed}{proxy_port}")
        assert behind != template
        self._monkeypatch.setattr(broker, "_SERVER_PROPERTIES", behind)
        self.start()
