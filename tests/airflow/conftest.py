"""A real Airflow in a folder of its own, whose environment `make test-airflow` has made; the network is shut off."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

REPOSITORY = Path(__file__).parents[2]
DAGS = REPOSITORY / "dags"
_BIN = REPOSITORY / ".venv-airflow" / "bin"
_LONGEST_CASE = 1800  # Spark starts once for each load, and Airflow for each command

# A cluster policy: where a test says so, a task is tried again at once and not after minutes.
_POLICY = """
import os
from datetime import timedelta

def task_policy(task):
    if os.environ.get("HASTY"):
        task.retry_delay = timedelta(seconds=1)
        task.max_retry_delay = timedelta(seconds=2)
"""


@dataclass(frozen=True, slots=True)
class Airflow:
    """Airflow's home folder, and its command line in an environment in which nothing else is set."""

    home: Path

    def environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        """What Airflow's processes see, with `settings` over it."""
        nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
        return {
            "PATH": os.pathsep.join([str(_BIN), "/usr/bin", "/bin"]),
            "HOME": str(self.home),
            "NO_PROXY": "127.0.0.1,localhost",
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
            **nowhere,
            **settings,
        }

    def run(
        self, *words: str | Path, settings: Mapping[str, str] | None = None, given: str = "", check: bool = True
    ) -> str:
        """Run a program of Airflow's environment to its end; what it wrote. `check`: it has to end with 0.

        What all of them wrote stands in the file `printed` in the home folder, as it comes.
        """
        with (self.home / "printed").open("a+", encoding="utf-8") as printed:
            begin = printed.seek(0, os.SEEK_END)
            done = subprocess.run(
                [_BIN / words[0], *words[1:]],
                env=self.environment(settings or {}),
                cwd=self.home,
                input=given,
                stdout=printed,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            printed.seek(begin)
            told = printed.read()
        assert not check or done.returncode == 0, f"{words} ended with {done.returncode}:\n{told}"
        return told

    def ask(self, script: str, *words: str | Path, given: str = "") -> Any:
        """Run a script of this folder with Airflow's Python; the JSON of its last line."""
        told = self.run("python", Path(__file__).parent / script, *words, given=given)
        return json.loads(told.splitlines()[-1])

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of a statement on Airflow's own database."""
        with closing(sqlite3.connect(self.home / "airflow.db")) as connection:
            return connection.execute(statement, values).fetchall()

    def states(self, dag_id: str) -> dict[str, tuple[str, int]]:
        """State and tries of each task in the newest run of a DAG."""
        rows = self.query(
            "select task_id, state, try_number from task_instance where run_id = "
            "(select run_id from dag_run where dag_id = ? order by id desc limit 1)",
            dag_id,
        )
        return {task: (state, tries) for task, state, tries in rows}

    def result(self, dag_id: str, task_id: str) -> Any:
        """What a task returned in the newest run in which it returned something."""
        rows = self.query(
            "select value from xcom where dag_id = ? and task_id = ? and key = 'return_value' order by timestamp desc",
            dag_id,
            task_id,
        )
        value = json.loads(rows[0][0])
        return json.loads(value) if isinstance(value, str) else value


@pytest.fixture(scope="session")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Airflow:
    """Airflow with an empty database."""
    assert (_BIN / "airflow").exists(), "Airflow's environment is made by `make test-airflow`."
    found = Airflow(tmp_path_factory.mktemp("airflow"))
    (found.home / "config").mkdir()
    (found.home / "config" / "airflow_local_settings.py").write_text(_POLICY, encoding="utf-8")
    found.run("airflow", "db", "migrate")
    return found


@pytest.fixture(scope="session")
def trendscript_bin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of this working tree, which Airflow's environment can't see otherwise."""
    program = tmp_path_factory.mktemp("bin") / "trendscript"
    real = Path(sys.executable).parent / "trendscript"
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{REPOSITORY}" exec "{real}" "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return program


@pytest.fixture
def fake(tmp_path: Path) -> Path:
    """A program that answers as `script` beside it says, a piece of shell; `calls` has the words of each call."""
    program = tmp_path / "trendscript"
    program.write_text('#!/bin/sh\ncd "$(dirname "$0")"\necho "$*" >> calls\n. ./script\n', encoding="utf-8")
    program.chmod(0o755)
    return program


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each case the time that its processes take to start."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(_LONGEST_CASE))
