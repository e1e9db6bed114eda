"""Every half hour: read the charts, load what waits, check it, and tell whoever waits for new charts."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Asset
from trendscript_command import SCHEDULE, TRIES, CommandOperator, check_fresh, count_messages, pick

CHARTS = Asset("youtube_charts")

DOCS = """
### youtube_trending_pipeline

Reads the charts of the regions in `YOUTUBE_REGIONS` into Kafka, loads all that waits there into PostgreSQL, holds the
tables against the ledger, and looks whether each region's newest chart is young. Then the asset `youtube_charts` is
updated: DAGs with `schedule=[Asset("youtube_charts")]` run on it.

#### Triage notes

As long as the newest run is green, nothing has to be done about older ones: each load takes all that waits.

- `ingest_charts`, 75 or 69: quota, or YouTube or Kafka away. What was read whole is published, and `load` takes it.
  Nothing to do if the next run is green. `QuotaExceeded` lasts until midnight Pacific time.
- `ingest_charts`, 78: the key, or Kafka's access. See "When `ingest` stops" in docs/operations.md.
- `load`, 75 or 69: the batch that was under way is resumed by the next load. Nothing to do if that is green.
- `load`, 78: a promise can't be kept, and nothing was changed. A person decides: "When a load stops" in
  docs/operations.md.
- `reconcile`, 78: ledger and tables disagree; somebody deleted or restored rows. See "Does it still add up?" in
  docs/operations.md.
- `check_freshness`: a region's newest chart is older than half an hour, so it isn't this run's; or the load took longer
  than that. See what `ingest_charts` and `load` said last. A region that YouTube has no chart of is to be taken out of
  `YOUTUBE_REGIONS`.

A killed task loses nothing; clear it, or wait for the next run.
"""

with DAG("youtube_trending_pipeline", schedule="*/30 * * * *", default_args=TRIES, doc_md=DOCS, **SCHEDULE):
    ingest = CommandOperator(
        task_id="ingest_charts",
        command="trendscript ingest charts --json",
        to_result=pick("published", "rejected", "units"),
        execution_timeout=timedelta(minutes=15),
    )
    load = CommandOperator(
        task_id="load",
        command="trendscript load --json",
        to_result=count_messages,
        execution_timeout=timedelta(hours=2),
        trigger_rule="all_done",  # what other regions and commands have published is loaded whatever became of ours
    )
    reconcile = CommandOperator(
        task_id="reconcile",
        command="trendscript reconcile --no-lake --json",
        to_result=pick("comparisons", "differences"),
        execution_timeout=timedelta(minutes=30),
    )
    check_freshness = CommandOperator(
        task_id="check_freshness",
        command="trendscript doctor --json --stale-minutes 30",
        to_result=check_fresh,
        fine=(0, 69, 78),  # what else is amiss with this machine is not the charts' fault
        execution_timeout=timedelta(minutes=10),
        outlets=[CHARTS],
    )
    ingest >> load
    [ingest, load] >> reconcile >> check_freshness
