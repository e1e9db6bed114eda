"""The schedules: cron, systemd and Airflow run the same commands, which exist; units are sound, DAGs import nothing."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer import TyperException

from tests.command_lines import resolve, to_words

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT = Path(__file__).parents[1]
_CRONTAB = _ROOT / "schedules" / "crontab"
_UNITS = _ROOT / "schedules" / "systemd"
_DAGS = sorted((_ROOT / "dags").glob("*.py"))
_PROGRAM = "/opt/trendscript/.venv/bin/trendscript"
_AGE = "30d"
_FIELD = r"(?:\*|\d+(?:,\d+)*)(?:/\d+)?"
# What each way does by itself: a load that goes on needs no timer, and servers are not Airflow's to start.
_OWN = {("up",), ("doctor",)}


def _cron_lines() -> list[str]:
    """Lines with five fields or @reboot, those that wait for a decision behind a # too."""
    found = re.findall(
        rf"^#?((?:@reboot|(?:{_FIELD}\s+){{4}}{_FIELD})\s+\S.*)$", _CRONTAB.read_text("utf-8"), re.MULTILINE
    )
    return [line.strip() for line in found]


def _in_crontab() -> list[str]:
    return [re.sub(r"^.*?(?=trendscript )", "", line, count=1) for line in _cron_lines()]


def _in_units() -> list[str]:
    text = "\n".join(unit.read_text("utf-8") for unit in sorted(_UNITS.glob("*.service")))
    found = re.findall(rf"^ExecStart={re.escape(_PROGRAM)} (.+)$", text, re.MULTILINE)
    return [f"trendscript {rest}".replace("${TRENDSCRIPT_PURGE_OLDER_THAN}", _AGE) for rest in found]


def _in_dags() -> list[str]:
    """The argument `command` of every task; what stands in braces is the age."""
    calls = [node for path in _DAGS for node in _nodes(path) if isinstance(node, ast.Call)]
    values = [word.value for call in calls for word in call.keywords if word.arg == "command"]
    return [re.sub(r"\{[^}]+\}", _AGE, ast.unparse(value).removeprefix("f").strip("'\"")) for value in values]


def _nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text("utf-8")))


_COMMANDS = sorted({*_in_crontab(), *_in_units(), *_in_dags()})


@pytest.mark.parametrize("command", _COMMANDS)
def test_scheduled_commands_exist(command: str) -> None:
    """Every command line of a crontab, a unit and a task is one that the command line takes."""
    resolve(to_words(command))


@pytest.mark.parametrize("command", ["trendscript ingest chart --json", "trendscript load --jsn"])
def test_commands_that_do_not_exist_are_noticed(command: str) -> None:
    """The test above can fail."""
    with pytest.raises((AssertionError, TyperException)):
        resolve(to_words(command))


def test_the_three_schedules_do_the_same() -> None:
    """Whoever changes from one to another misses no command."""
    ways = (_in_crontab(), _in_units(), _in_dags())
    cron, units, dags = ({resolve(to_words(line)) for line in lines} for lines in ways)
    assert cron - _OWN == units - _OWN == dags - _OWN
    assert ("lake", "vacuum") in cron


def test_every_line_of_the_crontab_is_read() -> None:
    """A line is a comment, a variable or five fields and a command."""
    lines = [line for line in _CRONTAB.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    jobs = [line for line in lines if not re.match(r"[A-Z_]+=\S+$", line)]
    assert jobs
    assert set(jobs) <= set(_cron_lines())


def test_nothing_is_deleted_for_its_age_before_somebody_decides() -> None:
    """A purge waits behind a # in the crontab, and under systemd for its variable."""
    jobs = [line for line in _CRONTAB.read_text("utf-8").splitlines() if not line.startswith("#")]
    assert not [line for line in jobs if "purge" in line]
    unit = (_UNITS / "trendscript-purge.service").read_text("utf-8")
    assert "ExecCondition=/usr/bin/test -n ${TRENDSCRIPT_PURGE_OLDER_THAN}\n" in unit


def test_every_service_that_ends_has_a_timer() -> None:
    """The others start with the machine."""
    for unit in _UNITS.glob("*.service"):
        text = unit.read_text("utf-8")
        assert unit.with_suffix(".timer").exists() == ("Type=oneshot" in text) == ("[Install]" not in text), unit.name
    assert all(timer.with_suffix(".service").exists() for timer in _UNITS.glob("*.timer"))


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """A copy of the units whose program is there."""
    folder = shutil.copytree(_UNITS, tmp_path / "units")
    for unit in folder.glob("*.service"):
        unit.write_text(unit.read_text("utf-8").replace(_PROGRAM, sys.executable), encoding="utf-8")
    return folder


def _analyze(*words: str | Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed here")
    return subprocess.run([program, *map(str, words)], capture_output=True, text=True, check=False, timeout=60)


def _faults(units: Path) -> str:
    done = _analyze("verify", "--man=no", *sorted(units.glob("*.service")), *sorted(units.glob("*.timer")))
    return done.stdout + done.stderr


def test_units_are_sound(units: Path) -> None:
    """No key or value is unknown to systemd, in the folder that all services share neither."""
    assert not _faults(units)


def test_faults_of_units_are_noticed(units: Path) -> None:
    """The test above can fail: systemd-analyze ends with 0 at a key that it doesn't know, and says so."""
    shared = units / "trendscript-.service.d" / "common.conf"
    shared.write_text(shared.read_text("utf-8").replace("ProtectHome=", "ProtectHomes="), encoding="utf-8")
    assert "ProtectHomes" in _faults(units)


def test_services_are_shut_in(units: Path) -> None:
    """By systemd's own measure of what a service could do, 0 to 10, none is above 3."""
    for unit in sorted(units.glob("*.service")):
        done = _analyze("security", "--offline=true", "--threshold=30", "--no-pager", unit)
        assert done.returncode == 0, f"{unit.name}: {done.stdout.splitlines()[-1:]}{done.stderr}"


def test_dags_import_none_of_ours() -> None:
    """Airflow's environment has nothing of Trendscript's: the DAGs know the command alone."""
    found = set()
    for path in _DAGS:
        for node in _nodes(path):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found |= {name.partition(".")[0] for name in names}
    assert found - sys.stdlib_module_names == {"airflow", "trendscript_command"}


def test_triage_notes_lead_to_sections_that_exist() -> None:
    """Each "Section" in docs/operations.md that a DAG's notes name is a heading there."""
    headings = set(re.findall(r"^#+ (.+)$", (_ROOT / "docs" / "operations.md").read_text("utf-8"), re.MULTILINE))
    for path in _DAGS:
        text = " ".join(path.read_text("utf-8").split())
        named = set(re.findall(r'"([^"\n]+)" in docs/operations\.md', text))
        assert {name.replace("`", "") for name in named} <= {name.replace("`", "") for name in headings}, path.name
