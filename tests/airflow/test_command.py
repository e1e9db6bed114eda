"""The operator: what a command's exit code, report and log become in Airflow, with real processes."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.airflow.conftest import Airflow

_SCRIPT = """
case "$CASE" in
  well) echo one >&2; sleep 1; echo two >&2; echo '{"published": 3, "regions": [{"size": 1}, {"size": 2}]}' ;;
  environment) env | sort >&2; echo '{"published": 0, "regions": []}' ;;
  told) trap 'echo told >> told; echo tidying >&2; exit 0' TERM; echo begun >&2; sleep 60 >&- 2>&- & wait ;;
  killed) kill -9 $$ ;;
  *) echo 'trendscript: The reason.' >&2; exit "$CASE" ;;
esac
"""
_CODES = ("1", "2", "65", "69", "75", "78", "130")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a program that behaves as CASE says."""
    found = tmp_path_factory.mktemp("fake")
    program = found / "trendscript"
    program.write_text(f'#!/bin/sh\ncd "$(dirname "$0")"\n{_SCRIPT}', encoding="utf-8")
    program.chmod(0o755)
    return found


@pytest.fixture(scope="module")
def outcomes(airflow: Airflow, folder: Path) -> Any:
    """How all cases ended: Airflow starts slowly, so one process runs them."""
    program = {"TRENDSCRIPT_BIN": str(folder / "trendscript")}
    cases: dict[str, Any] = {case: {"environment": {**program, "CASE": case}} for case in (*_CODES, "well", "killed")}
    cases["skipped"] = {"environment": {"CASE": "well"}, "arguments": {"skip_because": "No age is set."}}
    cases["environment"] = {
        "environment": {"CASE": "environment", "AIRFLOW__CORE__FERNET_KEY": "airflow-key", "_AIRFLOW_X": "airflow-x"},
        "arguments": {"environment": {"POSTGRES_USER": "pipeline_janitor"}},
    }
    cases["told"] = {"environment": {"CASE": "told"}, "seconds": 3}
    on_path = {"TRENDSCRIPT_BIN": "", "CASE": "well", "PATH": f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin"}
    cases["on the path"] = {"environment": on_path}
    cases["nowhere"] = {"environment": {"TRENDSCRIPT_BIN": "/nowhere/trendscript"}}
    return airflow.ask("outcomes.py", given=json.dumps(cases))


def test_a_report_becomes_a_small_result(outcomes: Any) -> None:
    """Numbers are taken over, lists counted; the whole of it is in the log."""
    assert outcomes["well"]["result"] == {"published": 3, "regions": 2}
    assert outcomes["well"]["lines"][-1] == '{"published": 3, "regions": [{"size": 1}, {"size": 2}]}'


def test_the_log_comes_line_by_line(outcomes: Any) -> None:
    """Each line of standard error is logged when it is written, not at the end."""
    well = outcomes["well"]
    assert well["lines"][:2] == ["one", "two"]
    assert well["seconds"][1] > 0.5


@pytest.mark.parametrize("code", ["2", "65", "78"])
def test_what_is_in_vain_is_not_tried_again(outcomes: Any, code: str) -> None:
    """A wrong call, refused input and what a person must decide fail the task at once, with the command's sentence."""
    assert outcomes[code]["raised"] == "AirflowFailException"
    assert outcomes[code]["text"].endswith("trendscript: The reason.")


@pytest.mark.parametrize("code", ["1", "69", "75", "130", "killed"])
def test_what_may_pass_is_tried_again(outcomes: Any, code: str) -> None:
    """Of what is raised then, Airflow knows nothing but that it failed."""
    assert outcomes[code]["raised"] == "AirflowException"


def test_a_task_can_be_skipped_with_a_reason(outcomes: Any) -> None:
    """The command isn't started."""
    told = {"raised": "AirflowSkipException", "text": "No age is set.", "lines": [], "seconds": []}
    assert outcomes["skipped"] == told


def test_airflow_keeps_its_settings_to_itself(outcomes: Any) -> None:
    """The command sees neither Airflow's keys nor the address of its database, and what the task puts over the rest."""
    seen = "\n".join(outcomes["environment"]["lines"])
    assert "CASE=environment" in seen
    assert "POSTGRES_USER=pipeline_janitor" in seen
    assert "AIRFLOW" not in seen
    assert "airflow-" not in seen


def test_a_time_out_tells_the_command_to_end_once(outcomes: Any, folder: Path) -> None:
    """Airflow's time-out reaches it as one SIGTERM; what it still logs is kept, and the time-out goes on its way."""
    told = outcomes["told"]
    assert told["raised"] == "AirflowTaskTimeout"
    assert told["lines"] == ["begun", "Process timed out", "tidying"]
    assert (folder / "told").read_text("utf-8") == "told\n"


def test_the_command_is_found_on_the_path(outcomes: Any) -> None:
    """TRENDSCRIPT_BIN is only needed where it isn't there."""
    assert outcomes["on the path"]["result"]["published"] == 3


def test_a_missing_command_is_told(outcomes: Any) -> None:
    """No try is wasted on it, and the text names the variable."""
    assert outcomes["nowhere"]["raised"] == "AirflowFailException"
    assert "Set TRENDSCRIPT_BIN" in outcomes["nowhere"]["text"]
