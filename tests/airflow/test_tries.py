"""Tries: real DAGs run by a real Airflow, with a program in the command's place that ends as a test wants."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from tests.airflow.conftest import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

    from tests.airflow.conftest import Airflow

_FAILS = """
case "$*" in
  "ingest categories"*)
    if [ "$(grep -c "ingest categories" calls)" = 1 ]; then echo "trendscript: quota" >&2; exit 75; fi ;;
  "ingest channels"*) echo "trendscript: no key" >&2; exit 78 ;;
esac
echo '{"published": 3, "rejected": 0, "units": 1}'
"""
_WAITS = """
case "$*" in
  "ingest charts"*)
    if [ "$(grep -c "ingest charts" calls)" = 1 ]; then
      trap 'echo told >> told; exit 0' TERM
      touch begun
      sleep 300 >&- 2>&- & wait
    fi ;;
  doctor*) echo '{"checks": [{"name": "freshness", "state": "ok", "found": "All young.", "mend": ""}]}'; exit 78 ;;
esac
echo '{"published": 3, "rejected": 0, "units": 1, "topics": [], "comparisons": [1, 2], "differences": []}'
"""


def test_75_is_tried_again_and_78_is_not(airflow: Airflow, fake: Path) -> None:
    """One command passes the second time; the other is run once, and what stands on it isn't run."""
    (fake.parent / "script").write_text(_FAILS, encoding="utf-8")
    settings = {"TRENDSCRIPT_BIN": str(fake), "HASTY": "1"}
    told = airflow.run("airflow", "dags", "test", "youtube_categories", settings=settings, check=False)
    assert "DagRun failed" in told
    assert airflow.states("youtube_categories") == {
        "ingest_categories": ("success", 2),
        "ingest_channels": ("failed", 1),
        "load": ("upstream_failed", 0),
    }
    calls = (fake.parent / "calls").read_text("utf-8").splitlines()
    assert sorted(calls) == [
        "ingest categories --json",
        "ingest categories --json",
        "ingest channels --charted-since 7d --json",
    ]


def test_a_task_that_is_killed_tells_the_command_once(airflow: Airflow, fake: Path) -> None:
    """SIGTERM to the task is one SIGTERM to the command; the next try goes on, and the asset is told at the end.

    What else `doctor` finds amiss is no failure of the charts.
    """
    (fake.parent / "script").write_text(_WAITS, encoding="utf-8")
    before = airflow.query("select count(*) from asset_event")
    process = subprocess.Popen(
        [REPOSITORY / ".venv-airflow" / "bin" / "airflow", "dags", "test", "youtube_trending_pipeline"],
        env=airflow.environment({"TRENDSCRIPT_BIN": str(fake), "HASTY": "1"}),
        cwd=airflow.home,
    )
    try:
        while not (fake.parent / "begun").exists():
            assert process.poll() is None
            time.sleep(0.1)
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait() == 0
    finally:
        process.kill()
    assert (fake.parent / "told").read_text("utf-8") == "told\n"
    assert airflow.states("youtube_trending_pipeline") == {
        "ingest_charts": ("success", 2),
        "load": ("success", 1),
        "reconcile": ("success", 1),
        "check_freshness": ("success", 1),
    }
    assert airflow.query("select count(*) from asset_event") == [(before[0][0] + 1,)]
