"""The folder of DAGs: it imports clean, and keeps its rules, as Airflow sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.airflow.conftest import DAGS

if TYPE_CHECKING:
    from tests.airflow.conftest import Airflow

_NAMES = ("youtube_trending_pipeline", "youtube_categories", "transcripts", "maintenance")


@pytest.fixture(scope="module")
def facts(airflow: Airflow) -> Any:
    """What Airflow makes of the folder."""
    return airflow.ask("facts.py", DAGS)


def test_the_folder_imports_clean(facts: Any) -> None:
    """Four DAGs and no error."""
    assert facts["errors"] == {}
    assert sorted(facts["dags"]) == sorted(_NAMES)


def test_dags_run_as_often_as_they_say(facts: Any) -> None:
    """Every half hour, daily, hourly and weekly."""
    schedules = {name: dag["schedule"] for name, dag in facts["dags"].items()}
    assert schedules == {
        "youtube_trending_pipeline": "*/30 * * * *",
        "youtube_categories": "20 3 * * *",
        "transcripts": "5 * * * *",
        "maintenance": "40 3 * * 0",
    }


@pytest.mark.parametrize("name", _NAMES)
def test_every_dag_keeps_the_rules(facts: Any, name: str) -> None:
    """One run at a time, none made up for; each task is tried again, later each time, and ends; notes name it."""
    dag = facts["dags"][name]
    assert dag["catchup"] is False
    assert dag["max_active_runs"] == 1
    assert "#### Triage notes" in dag["doc_md"]
    for task_id, task in dag["tasks"].items():
        assert task["retries"] == 3, task_id
        assert task["back_off"] == 2.0, task_id
        assert task["time_out"] >= 600, task_id
        assert task["command"].startswith("trendscript "), task_id
        assert " --json" in task["command"], task_id
        assert f"`{task_id}`" in dag["doc_md"], task_id


def test_the_pipeline_is_in_its_order(facts: Any) -> None:
    """A load follows whatever became of the reading; checks need both, and the asset needs the checks."""
    tasks = facts["dags"]["youtube_trending_pipeline"]["tasks"]
    assert {name: task["after"] for name, task in tasks.items()} == {
        "ingest_charts": [],
        "load": ["ingest_charts"],
        "reconcile": ["ingest_charts", "load"],
        "check_freshness": ["reconcile"],
    }
    assert tasks["load"]["rule"] == "all_done"
    assert {name for name, task in tasks.items() if task["tells"]} == {"check_freshness"}
    assert tasks["check_freshness"]["tells"] == ["youtube_charts"]


def test_no_task_hides_another_that_failed(facts: Any) -> None:
    """A run is as its last tasks are: what goes on after a failure is followed by something that doesn't."""
    for dag in facts["dags"].values():
        tasks = dag["tasks"]
        followed = {name for task in tasks.values() for name in task["after"]}
        assert all(task["rule"] != "all_done" for name, task in tasks.items() if name not in followed)
