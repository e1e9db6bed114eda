"""A project of docker compose: a folder and settings go in; services that can be started, asked and killed come out."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import psycopg2

from trendscript.local.ports import choose_port

if TYPE_CHECKING:
    from collections.abc import Sequence

REPOSITORY = Path(__file__).parents[2]
SERVICES = ("kafka", "postgres", "spark-master", "spark-worker", "loader", "transcriber", "pgadmin")
"""Those that go on, in the order in which they need each other."""

_NAME = "trendscript-test"
_PORTS = ("KAFKA", "POSTGRES", "PGADMIN", "PROMETHEUS", "GRAFANA")
_LONGEST_START = 900
_LONGEST_LOAD = 600


@dataclass(frozen=True)
class Project:
    """Services under a name, secrets and ports of their own, with the settings of `env_file` alone."""

    folder: Path
    ports: dict[str, int]

    @classmethod
    def make(cls, folder: Path, settings: str) -> Project:
        """Make the secrets; the settings are those of .env.example and these lines. Starts nothing."""
        subprocess.run([str(REPOSITORY / "docker" / "make-secrets"), str(folder / "secrets")], check=True)
        example = (REPOSITORY / ".env.example").read_text(encoding="utf-8")
        (folder / "env").write_text(f"{example}\n{settings}\n", encoding="utf-8")
        ports: dict[str, int] = {}
        for number, name in enumerate(_PORTS):
            ports[name] = choose_port(30_500 + number, ports.values())
        return cls(folder, ports)

    @property
    def secrets(self) -> dict[str, str]:
        """The passwords, by their names."""
        found = {path.name: path.read_text(encoding="ascii") for path in (self.folder / "secrets").iterdir()}
        return {name: text for name, text in found.items() if text}

    def compose(self, *arguments: str, codes: Sequence[int] = (0,), seconds: float = _LONGEST_START) -> str:
        """Run `docker compose` to its end, and return its standard output."""
        named = ("--project-name", _NAME, "--env-file", str(self.folder / "env"), "--ansi", "never")
        return self._docker("compose", *named, *arguments, codes=codes, seconds=seconds)

    def docker(self, *arguments: str) -> str:
        """Run `docker` to its end, and return its standard output."""
        return self._docker(*arguments, codes=(0,), seconds=_LONGEST_START)

    def _docker(self, *arguments: str, codes: Sequence[int], seconds: float) -> str:
        environ = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "DOCKER_HOST"}}
        environ |= {f"PUBLISH_{name}_PORT": str(port) for name, port in self.ports.items()}
        environ |= {"SECRETS_FOLDER": str(self.folder / "secrets"), "BUILDKIT_PROGRESS": "plain"}
        done = subprocess.run(
            ["docker", *arguments],  # noqa: S607  (wherever the PATH has it)
            cwd=REPOSITORY,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
        said = f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        assert done.returncode in codes, said
        return done.stdout

    def up(self, *services: str) -> None:
        """Start these services, or all, and wait until they are well."""
        self.compose("up", "--detach", "--wait", "--wait-timeout", str(_LONGEST_START), *services)

    def run(self, service: str, *arguments: str, options: Sequence[str] = ()) -> str:
        """Run a one-shot to its end, and return what it printed."""
        return self.compose("run", "--rm", "--no-TTY", "--quiet-pull", *options, service, *arguments)

    def kill(self, service: str) -> None:
        """Kill all processes of a service, from inside, so that for the engine it has died by itself."""
        self.compose("exec", "--no-TTY", service, "sh", "-c", "kill -9 -1", codes=(0, 137))

    def facts(self, *services: str) -> list[dict[str, Any]]:
        """What the engine knows of the containers of these services, or of all there are."""
        ids = self.compose("ps", "--all", "--quiet", *services).split()
        found: list[dict[str, Any]] = orjson.loads(self.docker("inspect", *ids))
        return found

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows that an analyst gets at the published port."""
        with (
            closing(
                psycopg2.connect(
                    host="127.0.0.1",
                    port=self.ports["POSTGRES"],
                    dbname="trendscript",
                    user="data_analyst",
                    password=self.secrets["data_analyst"],
                )
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(statement, values)
            return cursor.fetchall()

    def wait_for(self, statement: str, expected: list[tuple[Any, ...]]) -> None:
        """Wait until a statement gives these rows: the loader has its own pace."""
        deadline = time.monotonic() + _LONGEST_LOAD
        while (found := self.query(statement)) != expected:
            assert time.monotonic() < deadline, f"{statement} gives {found}, not {expected}"
            time.sleep(2)
