"""Run by Airflow's Python: cases as JSON go in, how an operator ended in each comes out as JSON on the last line.

A case is an environment, the operator's arguments and, with `seconds`, Airflow's own time-out around it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from airflow.sdk.bases.operator import ExecutorSafeguard
from airflow.sdk.execution_time.timeout import timeout

sys.path.append(str(Path(__file__).parents[2] / "dags"))

from trendscript_command import CommandOperator, pick

if TYPE_CHECKING:
    from structlog.types import EventDict

_lines: list[tuple[float, str]] = []


def keep(_logger: Any, _level: str, event: EventDict) -> EventDict:
    """Keep a line of the log, and the second it came at."""
    _lines.append((time.monotonic(), event["event"]))
    raise structlog.DropEvent


def run(case: dict[str, Any]) -> dict[str, Any]:
    """Run one operator and tell how it ended."""
    os.environ.update(case.get("environment", {}))
    arguments = {"command": "trendscript ingest charts --json", **case.get("arguments", {})}
    operator = CommandOperator(task_id="task", to_result=pick("published", "regions"), **arguments)
    ExecutorSafeguard.tracker.set(operator)  # as Airflow does: it wants to be the only one who calls operators
    _lines.clear()
    found: dict[str, Any] = {}
    try:
        with timeout(case.get("seconds", 600)):
            found["result"] = operator.execute({})
    except BaseException as error:  # noqa: BLE001  (Airflow's time-out is a BaseException)
        found |= {"raised": type(error).__name__, "text": str(error)}
        operator.on_kill()  # as Airflow does then
    return found | {"lines": [line for _, line in _lines], "seconds": [at - _lines[0][0] for at, _ in _lines]}


if __name__ == "__main__":
    structlog.configure(processors=[keep])
    outcomes = {name: run(case) for name, case in json.load(sys.stdin).items()}
    sys.stdout.write(json.dumps(outcomes) + "\n")
