"""Once a week: keep the lake small and quick, delete what is too old to keep, and see that all still adds up."""

from __future__ import annotations

import os
import shlex
from datetime import timedelta

from airflow.sdk import DAG
from trendscript_command import SCHEDULE, TRIES, CommandOperator, count_purged, count_tables, pick

OLDER_THAN = os.environ.get("TRENDSCRIPT_PURGE_OLDER_THAN", "")
NO_AGE = "TRENDSCRIPT_PURGE_OLDER_THAN is not set, as 30d: nothing is deleted for its age."
NO_LAKE = "LAKE_PATH is off, so there is no lake to keep."

# On servers of your own the role that loads may not delete.
JANITOR = os.environ.get("TRENDSCRIPT_PURGE_POSTGRES_USER", "")
AS_JANITOR = {
    "POSTGRES_USER": JANITOR,
    "POSTGRES_PASSWORD": "",  # the other role's, which would come before the file
    "POSTGRES_PASSWORD_FILE": os.environ.get("TRENDSCRIPT_PURGE_POSTGRES_PASSWORD_FILE", ""),
}

DOCS = """
### maintenance

Makes few large files of the lake's many small ones, deletes files that nothing needs any more, deletes what is older
than `TRENDSCRIPT_PURGE_OLDER_THAN`, and compares ledger, lake, quarantine and tables. **Without that variable nothing
is deleted for its age**, and the task `purge` is skipped. This DAG runs once a week, so data can get a week older than
the age: `23d` keeps to 30 days. With it, what `trendscript purge --source youtube_api`
says is gone for good; look at it with `--dry-run` first.

#### Triage notes

A week without it does no harm, but for what should have been deleted by law or licence: then run it again.

- `lake_optimize`, `lake_vacuum`, `purge`, 75: a topic was held for longer than a minute each time, or has an unfinished
  batch. Nothing to do if `load` is green; clear the task later.
- `lake_optimize`, `lake_vacuum`, 78: files of the lake are missing or damaged. See "When a load stops" in
  docs/operations.md.
- `purge`, 78, `JanitorNeeded`: the user may not delete. "With Airflow" in docs/operations.md says how to name another.
- `purge`, 2: `TRENDSCRIPT_PURGE_OLDER_THAN` is no age. Mend it: 30d, 12h or 8w.
- `reconcile`, 78: ledger, lake and tables disagree. See "Does it still add up?" in docs/operations.md.
"""

with DAG("maintenance", schedule="40 3 * * 0", default_args=TRIES, doc_md=DOCS, **SCHEDULE):
    lake_gone = NO_LAKE if os.environ.get("LAKE_PATH") == "off" else None
    optimize = CommandOperator(
        task_id="lake_optimize",
        command="trendscript lake optimize --json",
        to_result=count_tables,
        skip_because=lake_gone,
        execution_timeout=timedelta(hours=6),
    )
    vacuum = CommandOperator(
        task_id="lake_vacuum",
        command="trendscript lake vacuum --json",
        to_result=count_tables,
        skip_because=lake_gone,
        execution_timeout=timedelta(hours=6),
    )
    purge = CommandOperator(
        task_id="purge",
        command=f"trendscript purge --older-than {shlex.quote(OLDER_THAN)} --source youtube_api --json",
        to_result=count_purged,
        skip_because=None if OLDER_THAN else NO_AGE,
        environment=AS_JANITOR if JANITOR else {},
        execution_timeout=timedelta(hours=6),
        trigger_rule="all_done",  # what must go, goes, however the lake's upkeep fared
    )
    reconcile = CommandOperator(
        task_id="reconcile",
        command="trendscript reconcile --json",
        to_result=pick("comparisons", "differences"),
        execution_timeout=timedelta(hours=6),
        trigger_rule="none_failed",  # a purge that was skipped is no failure
    )
    optimize >> vacuum >> purge
    [optimize, vacuum, purge] >> reconcile
