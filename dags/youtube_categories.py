"""Once a day: the names of the categories, and the channels of the last week's charts."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG
from trendscript_command import SCHEDULE, TRIES, CommandOperator, count_messages, pick

DOCS = """
### youtube_categories

Reads the names of the video categories of the regions in `YOUTUBE_REGIONS`, and the channels that were in a chart in
the last seven days, and loads both. It costs a unit of quota a region and one for 50 channels.

#### Triage notes

A day without it does no harm: names and channels stay as they were.

- `ingest_categories`, `ingest_channels`, 75 or 69: quota, or YouTube, Kafka or PostgreSQL away. Nothing to do if
  tomorrow's run is green.
- The same, 78: the key, or Kafka's access. See "When `ingest` stops" in docs/operations.md.
- `load`, 75 or 69: the next load resumes the batch. 78: a promise can't be kept; see "When a load stops" in
  docs/operations.md.
"""

with DAG("youtube_categories", schedule="20 3 * * *", default_args=TRIES, doc_md=DOCS, **SCHEDULE):
    reads = [
        CommandOperator(
            task_id="ingest_categories",
            command="trendscript ingest categories --json",
            to_result=pick("published", "rejected", "units"),
            execution_timeout=timedelta(minutes=15),
        ),
        CommandOperator(
            task_id="ingest_channels",
            command="trendscript ingest channels --charted-since 7d --json",
            to_result=pick("published", "rejected", "units"),
            execution_timeout=timedelta(minutes=30),
        ),
    ]
    load = CommandOperator(
        task_id="load",
        command="trendscript load youtube_category youtube_channel --json",
        to_result=count_messages,
        execution_timeout=timedelta(hours=1),
    )
    reads >> load
