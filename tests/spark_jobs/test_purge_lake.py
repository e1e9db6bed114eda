"""Purging a real Delta lake: bronze keeps only places, silver no row, and the bytes are gone from the disk."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import psycopg2
import pytest

from spark_jobs.bronze import bronze_path
from spark_jobs.lake import LakeShort
from spark_jobs.lake_files import Lake
from spark_jobs.lease import LeaseLost
from spark_jobs.purge import PurgeReport, purge_topic, rehearse_purge
from spark_jobs.purge_tables import Doomed
from spark_jobs.reconcile import reconcile
from spark_jobs.silver import silver_path
from tests.builders import query
from tests.spark_jobs.intruder import steal_lease
from tests.spark_jobs.quarantined import Killed, kill_at
from tests.spark_jobs.test_cli import BIN, publish_usage
from tests.spark_jobs.test_follow_process import WAITS
from tests.spark_jobs.test_load import a_chart_message, a_video_id
from tests.spark_jobs.test_purge import as_janitor
from trendscript.contracts import load_contract

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from tests.conftest import Stack
    from tests.spark_jobs.conftest import Loading

DOOMED = Doomed(datetime(2026, 11, 1, tzinfo=UTC))
OLD, NEW = "2026-10-01T00:00:00.5Z", "2026-11-20t00:00:00z"
TITLE = "a title that has to go"


def purge(loading: Loading, doomed: Doomed = DOOMED, *, dry_run: bool = False, **changes: Any) -> PurgeReport:
    """Purge the topic, in its lake too."""
    lake = Lake(str(loading.job.lake), lambda: loading.job.spark)
    job = replace(loading.job, dsn=as_janitor(loading.dsn), **changes)
    return (rehearse_purge if dry_run else purge_topic)(job, loading.contract, doomed, lake)


def publish(loading: Loading) -> None:
    """Two old messages, a young one, and one that can't be read, which is as young as its time in Kafka."""
    loading.publish(
        a_chart_message(a_video_id(1), captured_at=OLD, title=TITLE),
        a_chart_message(a_video_id(2), captured_at=OLD, title=TITLE, source="kaggle"),
        a_chart_message(a_video_id(3), captured_at=NEW, title="Young"),
        b"{broken",
        key=b"same",
    )


def contents(loading: Loading) -> list[tuple[int, bool]]:
    """Offset of each message in bronze, and whether it still has a value."""
    bronze = loading.job.spark.read.format("delta").load(bronze_path(str(loading.job.lake), loading.topic))
    return sorted((row["offset"], row["value"] is not None) for row in bronze.collect())


def silver_titles(loading: Loading) -> list[str]:
    """Titles of the videos in silver."""
    path = silver_path(str(loading.job.lake), loading.contract, loading.contract.table("video"))
    return sorted(row["title"] for row in loading.job.spark.read.format("delta").load(path).collect())


def agrees(loading: Loading) -> bool:
    """Whether ledger, tables, quarantine and lake say the same."""
    found = reconcile(loading.job.dsn, lake=str(loading.job.lake), open_spark=lambda: loading.job.spark)
    assert found.differences == ()
    return True


def _is_in_a_log(loading: Loading, words: bytes) -> bool:
    """Whether the log of any table of the lake holds the words, as it does where it keeps a column's greatest value."""
    logs = list(Path(str(loading.job.lake)).glob("**/_delta_log/*.json"))
    assert any("silver" in log.parts for log in logs)
    return any(words in log.read_bytes() for log in logs)


def _is_on_disk(loading: Loading, words: bytes, spark: SparkSession) -> bool:
    """Whether any file that a reader of Parquet can open holds the words, live or not."""
    values = [
        bytes(row["value"] or b"")
        for file in Path(bronze_path(str(loading.job.lake), loading.topic)).glob("*.parquet")
        for row in spark.read.parquet(str(file)).select("value").collect()
    ]
    return any(words in value for value in values)


def test_old_messages_leave_nothing_but_their_place(loading: Loading, spark: SparkSession) -> None:
    """What was young stays as it was; loads go on, and silver has the rest."""
    publish(loading)
    loading.load(silver=True)
    assert _is_on_disk(loading, TITLE.encode(), spark)

    assert purge(loading, dry_run=True).lake is not None
    report = purge(loading)

    assert report.lake is not None
    assert (report.lake.messages, report.lake.silver_rows) == (2, 6)
    assert report.lake.freed_bytes > 0
    assert contents(loading) == [(0, False), (1, False), (2, True), (3, True)]
    assert silver_titles(loading) == ["Young"]
    assert not _is_on_disk(loading, TITLE.encode(), spark)
    assert not _is_in_a_log(loading, TITLE.encode())
    assert agrees(loading)
    again = purge(loading).lake
    assert again is not None
    assert (again.messages, again.silver_rows) == (0, 0)
    loading.publish(a_chart_message(a_video_id(4), captured_at=NEW, title="Later"), key=b"same")
    loading.load(silver=True)
    assert silver_titles(loading) == ["Later", "Young"]
    assert agrees(loading)


def test_a_source_is_purged_alone_in_the_lake_too(loading: Loading) -> None:
    """And a dry run counts the same without touching anything."""
    publish(loading)
    loading.load()
    doomed = replace(DOOMED, source="kaggle")
    rehearsed = purge(loading, doomed, dry_run=True).lake
    assert rehearsed is not None
    assert rehearsed.messages == 1
    assert all(has_value for _, has_value in contents(loading))
    purge(loading, doomed)
    assert contents(loading) == [(0, True), (1, False), (2, True), (3, True)]


def test_a_purge_that_was_killed_before_the_lake_is_finished_by_the_next(loading: Loading) -> None:
    """Reconciling says meanwhile what is missing; as old as the first one said, whatever the next one asks for."""
    publish(loading)
    loading.load()
    with pytest.raises(Killed):
        purge(loading, on_step=kill_at("lake"))
    assert all(has_value for _, has_value in contents(loading))
    found = reconcile(loading.job.dsn)
    assert (found.differences, len(found.notes)) == ((), 1)

    report = purge(loading, Doomed(datetime(2020, 1, 1, tzinfo=UTC)))

    assert (report.resumed, report.lake and report.lake.messages) == (1, 2)
    assert contents(loading)[:2] == [(0, False), (1, False)]
    assert loading.query("select count(*) from pipeline.purge where finished_at is null") == [(0,)]
    assert agrees(loading)


def test_a_purge_that_loses_its_topic_while_spark_starts_leaves_the_lake_alone(loading: Loading) -> None:
    """Files that whoever has the topic by then is writing would be deleted; the next purge finishes it."""
    publish(loading)
    loading.load()
    with ExitStack() as held:

        def open_spark() -> SparkSession:
            steal_lease(loading.dsn, loading.topic, held)
            return loading.job.spark

        job = replace(loading.job, dsn=as_janitor(loading.dsn))
        with pytest.raises(LeaseLost):
            purge_topic(job, loading.contract, DOOMED, Lake(str(loading.job.lake), open_spark))
    assert all(has_value for _, has_value in contents(loading))
    report = purge(loading)
    assert (report.resumed, report.lake and report.lake.messages) == (1, 2)


@pytest.mark.usefixtures("topics")
def test_a_purge_whose_spark_is_killed_is_finished_by_the_next(
    stack: Stack, loading: Loading, environment: dict[str, str], tmp_path: Path
) -> None:
    """Between two steps in the lake: 75, with what is left written down."""
    contract = load_contract("api_usage")
    publish_usage(stack, b'{"captured_at": "2020-01-01T00:00:00Z"}')
    usage = replace(loading, contract=contract)
    usage.load()
    command = [str(BIN / "trendscript"), "purge", "--topic", "api_usage", "--older-than", "1d", "--json"]
    settings = os.environ | environment | {"LAKE_PATH": str(loading.job.lake)}
    with (
        (tmp_path / "err").open("wb") as err,
        subprocess.Popen(command, env=settings, stdout=subprocess.DEVNULL, stderr=err) as process,
    ):
        _kill_java(process, loading.dsn)
        assert process.wait(60) == 75
    assert "Spark has ended" in (tmp_path / "err").read_text(encoding="utf-8")
    assert loading.query("select finished_at from pipeline.purge") == [(None,)]

    report = purge(usage)

    assert (report.resumed, report.lake and report.lake.messages) == (1, 1)
    assert loading.query("select count(*) from pipeline.purge where finished_at is null") == [(0,)]


def _kill_java(process: subprocess.Popen[bytes], dsn: str) -> None:
    """Kill the process's Spark when it has started, while the process asks whether the topic is still its own."""

    def wait_for(statement: str) -> None:
        while query(dsn, statement) == [(0,)]:
            assert process.poll() is None
            time.sleep(0.1)

    wait_for("select count(*) from pipeline.purge")
    time.sleep(1)  # it asks once more before it starts Spark, which takes longer than this
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("lock table pipeline.batch in access exclusive mode")
        wait_for(WAITS)
        (java,) = [child for child in psutil.Process(process.pid).children() if child.name() == "java"]
        java.kill()


def test_a_replay_from_the_lake_passes_over_what_was_purged(loading: Loading) -> None:
    """It brings nothing back, refuses nothing, and tells what is lost from what was purged."""
    publish(loading)
    loading.load()
    purge(loading)
    report = loading.replay(source="lake")
    assert (report.messages.read, report.messages.skipped) == (2, 2)
    assert loading.query("select video_id from processed.chart_entry") == [(a_video_id(3),)]
    assert agrees(loading)
    from delta.tables import DeltaTable  # noqa: PLC0415  (only here)

    DeltaTable.forPath(loading.job.spark, bronze_path(str(loading.job.lake), loading.topic)).delete("offset = 2")
    with pytest.raises(LakeShort):
        loading.replay(source="lake")
