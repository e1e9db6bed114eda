"""A home of its own in which the demo has run, and a way to type commands there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import psycopg2
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[2]
_OTHERS = ("KAFKA_", "POSTGRES_", "LAKE_", "YOUTUBE_", "LOAD_", "TRENDSCRIPT_", "SPARK_MASTER")


@dataclass
class Shell:
    """A folder and an environment in which nothing is set but TRENDSCRIPT_HOME; our commands are on the PATH."""

    home: Path
    folder: Path

    def run(
        self, command: str, settings: dict[str, str] | None = None, *, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run one line as a shell does, and return what it wrote. `check`: it has to end with 0."""
        done = subprocess.run(
            ["/bin/bash", "-c", command],
            cwd=self.folder,
            env=self.environment() | (settings or {}),
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert not check or done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done

    def environment(self) -> dict[str, str]:
        """What commands see."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_OTHERS)}
        path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
        return kept | {"PATH": path, "TRENDSCRIPT_HOME": str(self.home)}

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows of a statement, as the superuser; what it changes is kept."""
        dsn = orjson.loads(self.run("trendscript status --json").stdout)["postgres"]["dsn"]
        with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="package")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A home that is stopped and deleted at the end."""
    with a_home() as home:
        yield Shell(home, tmp_path_factory.mktemp("folder"))


@contextmanager
def a_home() -> Iterator[Path]:
    """A folder for a stack, which is stopped and deleted at the end."""
    home = Path(tempfile.mkdtemp(prefix="trendscript-e2e-"))
    home.chmod(0o711)  # as root, Postgres runs under another account and has to get in
    try:
        yield home
    finally:
        Shell(home, home).run("trendscript down", check=False)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="package")
def first_demo(shell: Shell) -> str:
    """What the first demo wrote, behind a proxy that leads nowhere."""
    return shell.run("trendscript demo", dict.fromkeys(("http_proxy", "HTTP_PROXY"), "http://127.0.0.1:9")).stdout
