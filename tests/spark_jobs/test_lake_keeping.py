"""Keeping a real Delta lake: small files become few, files that no version needs go, and no message with them."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from spark_jobs.bronze import bronze_path
from spark_jobs.cli_job import each_topic
from spark_jobs.failures import LoadInterrupted
from spark_jobs.lake_display import to_row
from spark_jobs.lake_files import Lake, Size
from spark_jobs.lake_keeping import KeepingReport, KeptTable, optimize_topic, vacuum_topic
from spark_jobs.lease import LeaseLost, take_lease
from spark_jobs.lease_holders import TopicBusy
from spark_jobs.purge import purge_topic
from spark_jobs.purge_tables import Doomed
from spark_jobs.retry import BatchUnfinished
from tests.spark_jobs.intruder import steal_lease
from tests.spark_jobs.quarantined import Killed, kill_at
from tests.spark_jobs.test_load import a_chart_message, a_video_id, bronze_rows
from tests.spark_jobs.test_purge import as_janitor

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import SparkSession

    from tests.conftest import MakeTopic
    from tests.spark_jobs.conftest import Loading

NOTHING = timedelta(0)


def optimize(loading: Loading, *, dry_run: bool = False) -> KeepingReport:
    """As `lake optimize` does."""
    return optimize_topic(loading.job, loading.contract, a_lake(loading), dry_run=dry_run)


def vacuum(loading: Loading, retain: timedelta = NOTHING, *, dry_run: bool = False) -> KeepingReport:
    """As `lake vacuum` does."""
    return vacuum_topic(loading.job, loading.contract, a_lake(loading), retain, dry_run=dry_run)


def a_lake(loading: Loading) -> Lake:
    """The test's own."""
    return Lake(str(loading.job.lake), lambda: loading.job.spark)


def load_bit_by_bit(loading: Loading, times: int = 2, *, silver: bool = False) -> None:
    """Some loads, a file or more each."""
    for number in range(times):
        loading.publish(a_chart_message(a_video_id(number)), key=b"same")
        loading.load(silver=silver)


def test_small_files_become_few_and_no_message_is_lost(loading: Loading) -> None:
    """The small ones stay on disk until the vacuum, which a dry run announces; silver's tables are kept alike."""
    load_bit_by_bit(loading, 3, silver=True)
    messages = bronze_rows(loading)
    looked = optimize(loading, dry_run=True).tables[0]
    assert (looked.live_before, looked.before) == (looked.live_after, looked.after)

    (bronze, *silver) = optimize(loading).tables

    assert (bronze.table, bronze.live_before, bronze.live_after) == (f"bronze/{loading.topic}", 3, 1)
    assert {table.live_after for table in silver} == {1}
    assert bronze.after.files > bronze.before.files
    announced = vacuum(loading, dry_run=True).tables[0]
    assert announced.deletable == 3
    swept = vacuum(loading).tables[0]
    assert swept.before.files - swept.after.files >= 3
    assert swept.live_after == 1
    assert bronze_rows(loading) == messages


def test_what_a_recent_version_needs_stays(loading: Loading) -> None:
    """Files that an optimize left behind a moment ago are kept for as long as is asked."""
    load_bit_by_bit(loading)
    optimize(loading)
    assert vacuum(loading, timedelta(hours=1), dry_run=True).tables[0].deletable == 0
    kept = vacuum(loading, timedelta(days=7)).tables[0]
    assert kept.after.files >= kept.before.files


def test_a_topic_that_is_at_work_is_left_alone(loading: Loading) -> None:
    """A vacuum would delete files of a write that isn't committed yet."""
    load_bit_by_bit(loading)
    with take_lease(loading.dsn, loading.topic), pytest.raises(TopicBusy):
        vacuum(loading)
    loading.publish(a_chart_message(a_video_id(9)))
    with pytest.raises(Killed):
        loading.load(on_step=kill_at("bronze"))
    with pytest.raises(BatchUnfinished):
        optimize(loading)


@pytest.mark.parametrize("keep", [optimize_topic, partial(vacuum_topic, retain=NOTHING)])
def test_a_topic_that_is_lost_while_spark_starts_is_left_alone(
    loading: Loading, keep: Callable[..., KeepingReport]
) -> None:
    """Spark takes its time, and files that whoever has the topic by then is writing would be deleted."""
    load_bit_by_bit(loading)
    before = optimize(loading, dry_run=True)
    with ExitStack() as held:

        def open_spark() -> SparkSession:
            steal_lease(loading.dsn, loading.topic, held)
            return loading.job.spark

        lake = Lake(str(loading.job.lake), open_spark)
        with pytest.raises(LeaseLost):
            keep(loading.job, loading.contract, lake, dry_run=False)
    assert optimize(loading, dry_run=True) == before


def damage(loading: Loading) -> None:
    """Let the table's log go on as a Delta of years to come may write it: no file is broken, and Spark fails."""
    log = Path(bronze_path(str(loading.job.lake), loading.topic)) / "_delta_log"
    protocol = '{"protocol":{"minReaderVersion":99,"minWriterVersion":99}}'
    (log / f"{len(list(log.glob('*.json'))):020}.json").write_text(protocol, encoding="utf-8")


def test_a_topic_at_which_spark_fails_does_not_stop_the_others(loading: Loading, make_topic: MakeTopic) -> None:
    """The report names both, and the failure is one that may pass."""
    other = replace(loading, contract=replace(loading.contract, topic=make_topic("others")))
    for one in (loading, other):
        one.publish(a_chart_message(a_video_id(1)))
        one.load()
    damage(loading)
    reports, failure = each_topic(
        [loading.contract, other.contract],
        lambda contract: vacuum_topic(loading.job, contract, a_lake(loading), NOTHING, dry_run=False),
        lambda topic, note: KeepingReport(topic, note=note),
    )
    assert isinstance(failure, LoadInterrupted)
    assert [(report.topic, len(report.tables), report.note) for report in reports] == [
        (loading.topic, 0, str(failure)),
        (other.topic, 1, ""),
    ]
    job = replace(loading.job, dsn=as_janitor(loading.dsn))
    with pytest.raises(LoadInterrupted):
        purge_topic(job, loading.contract, Doomed(datetime.now(UTC)), a_lake(loading))


def test_a_topic_without_a_lake_is_said(loading: Loading) -> None:
    """It is no failure."""
    report = optimize(loading)
    assert (report.tables, report.note) == ((), f"{loading.topic}: the lake has nothing of it")


def test_figures_are_shown_before_and_after() -> None:
    """Once where nothing changed."""
    table = KeptTable("bronze/charts", Size(1200, 5_000_000), Size(4, 5_000_000), 3, 1, deletable=7)
    assert to_row(table) == ("bronze/charts", "3 → 1", "1,200 → 4", "5.0", "7")
