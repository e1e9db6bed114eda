"""Run by Airflow's Python: a folder of DAGs goes in, what Airflow makes of it comes out as JSON on the last line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.dag_processing.dagbag import BundleDagBag

if TYPE_CHECKING:
    from airflow.sdk import DAG, BaseOperator


def to_task(task: BaseOperator) -> dict[str, Any]:
    """What the rules are about."""
    return {
        "retries": task.retries,
        "back_off": task.retry_exponential_backoff,
        "time_out": None if task.execution_timeout is None else task.execution_timeout.total_seconds(),
        "command": task.command,
        "after": sorted(task.upstream_task_ids),
        "rule": task.trigger_rule.value,
        "tells": [asset.name for asset in task.outlets],
    }


def to_dag(dag: DAG) -> dict[str, Any]:
    """As above, of a DAG and its tasks."""
    return {
        "schedule": dag.timetable.expression,
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "doc_md": dag.doc_md,
        "tasks": {task.task_id: to_task(task) for task in dag.tasks},
    }


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    bag = BundleDagBag(folder, bundle_path=folder, bundle_name="dags-folder")
    found = {"errors": bag.import_errors, "dags": {dag.dag_id: to_dag(dag) for dag in bag.dags.values()}}
    sys.stdout.write(json.dumps(found) + "\n")
