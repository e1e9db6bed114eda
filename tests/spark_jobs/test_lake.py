"""Replaying from bronze what Kafka has forgotten; a lake that lacks something is never taken for whole."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from kafka import TopicPartition
from psycopg2.extensions import parse_dsn

from spark_jobs.batch import OffsetRange
from spark_jobs.bronze import bronze_path
from spark_jobs.cli_replay import run_replay
from spark_jobs.lake import LakeMissing, LakeShort, check_held_by_lake, read_lake
from spark_jobs.loaded import LoadedRange
from spark_jobs.replay import Asked
from spark_jobs.topic_state import TopicIdentity
from tests.builders import read_versions
from tests.spark_jobs.quarantined import Killed, kill_at
from tests.spark_jobs.test_load import a_chart_message, a_video_id, bronze_rows
from trendscript.contracts.model import Limits
from trendscript.endpoints import NoServer

if TYPE_CHECKING:
    from pathlib import Path

    from kafka.admin import KafkaAdminClient

    from tests.spark_jobs.conftest import Loading


def forget(loading: Loading, admin: KafkaAdminClient) -> None:
    """Let Kafka delete every message of the topic."""
    ends = loading.job.topic_state(loading.topic).end
    admin.delete_records({TopicPartition(loading.topic, partition): end for partition, end in ends.items() if end})


def test_what_kafka_forgot_is_replayed_from_bronze(loading: Loading, kafka_admin: KafkaAdminClient) -> None:
    """Under the mended contract, batch by batch, killed and finished by a load; bronze and positions stay."""
    tight = loading.under(title={"limits": Limits(max_length=5)})
    loading.publish(*(a_chart_message(a_video_id(number)) for number in range(8)), b"{broken", None)
    tight.load(max_messages=6)
    forget(loading, kafka_admin)
    where = loading.query("select partition, next_offset from pipeline.position order by 1")
    with pytest.raises(Killed):
        loading.replay(job={"on_step": kill_at("load")}, source="lake")

    finished = loading.load()
    report = loading.replay(job={"max_messages": 6}, source="lake")

    assert [(batch.kind, batch.messages.read, batch.messages.quarantined) for batch in finished.batches] == [
        ("replay", 10, 2)
    ]
    assert [batch.messages.read for batch in report.batches] == [6, 4]
    assert loading.query("select count(*) from processed.chart_entry") == [(8,)]
    assert loading.query("select state, count(*) from pipeline.dead_letter group by 1 order by 1") == [
        ("closed", 8),
        ("open", 2),
    ]
    assert loading.query("select partition, next_offset from pipeline.position order by 1") == where
    assert len(bronze_rows(loading)) == 10
    versions = read_versions(loading.dsn, loading.contract)
    loading.replay(source="lake")
    assert read_versions(loading.dsn, loading.contract) == versions


def test_since_a_time_and_a_part_of_the_offsets(loading: Loading) -> None:
    """By the messages' own times, as bronze has them; a dry run leaves no trace."""
    loading.publish(*(a_chart_message(a_video_id(number)) for number in range(3)), key=b"same")
    time.sleep(0.05)
    since = datetime.now(UTC)
    time.sleep(0.05)
    loading.publish(*(a_chart_message(a_video_id(number)) for number in range(3, 5)), key=b"same")
    loading.load()
    before = loading.query("select count(*) from pipeline.batch")
    assert loading.replay(source="lake", since=since, dry_run=True).messages.read == 2
    assert loading.query("select count(*) from pipeline.batch") == before
    assert loading.replay(source="lake", from_offset=1, until_offset=4).messages.read == 3


def test_a_lake_that_lacks_messages_is_refused(loading: Loading) -> None:
    """Loads that ran without it left it short; nothing is planned away in silence, and no row is written."""
    loading.publish(*(a_chart_message(a_video_id(number)) for number in range(3)), key=b"same")
    loading.load()
    loading.publish(*(a_chart_message(a_video_id(number)) for number in range(3, 5)), key=b"same")
    loading.load(lake=None)
    with pytest.raises(LakeShort, match="holds 3 messages of it, and at least 5 were loaded") as short:
        loading.replay(source="lake")
    assert short.value.exit_code == 78
    assert loading.query("select count(*) from pipeline.batch where kind = 'replay'") == [(0,)]
    assert loading.replay(source="lake", until_offset=3).messages.read == 3
    with pytest.raises(LakeMissing, match="LAKE_PATH is off"):
        loading.replay(source="lake", job={"lake": None}, since=datetime(2020, 1, 1, tzinfo=UTC))


def test_a_place_that_bronze_holds_twice_is_read_once(loading: Loading) -> None:
    """The later batch counts; a task holds whole ranges in the order of their offsets."""
    columns = "topic_id string, partition int, offset long, timestamp timestamp, key binary, value binary"
    schema = f"{columns}, headers array<struct<key: string, value: binary>>, batch_id long"
    at = datetime(2026, 11, 20, tzinfo=UTC)
    rows = [
        (topic_id, partition, offset, at, None, f"{partition}/{offset} of {batch}".encode(), None, batch)
        for batch, topic_id in ((2, "new"), (1, "new"), (3, "old"))
        for partition in (1, 0)
        for offset in range(6, -1, -1)
        if batch != 2 or offset > 3
    ]
    lake = str(loading.job.lake)
    loading.job.spark.createDataFrame(rows, schema).repartition(5).write.format("delta").save(
        bronze_path(lake, "charts")
    )
    ranges = (OffsetRange(0, 2, 6), OffsetRange(1, 5, 7))

    tasks = read_lake(loading.job.spark, TopicIdentity("charts", "cluster", "new"), ranges, lake).rdd.glom().collect()

    found = [bytes(row["value"]).decode() for task in tasks for row in sorted(task, key=lambda row: row["partition"])]
    assert sorted(found) == ["0/2 of 1", "0/3 of 1", "0/4 of 2", "0/5 of 2", "1/5 of 2", "1/6 of 2"]
    for task in tasks:
        places = [(row["partition"], row["offset"]) for row in task]
        assert places == sorted(places)
    partitions = [{row["partition"] for row in task} for task in tasks if task]
    assert sum(len(held) for held in partitions) == 2


def test_offsets_without_a_message_are_not_missed() -> None:
    """Transaction markers were no messages when they were loaded, and are none in the lake."""
    loaded = [LoadedRange(0, 0, 10, skipped=3), LoadedRange(0, 20, 25)]
    ranges = (OffsetRange(0, 0, 10), OffsetRange(0, 20, 25))
    check_held_by_lake("charts", ranges, {0: 12}, loaded)
    with pytest.raises(LakeShort, match="offsets 0 to 24: the lake holds 11"):
        check_held_by_lake("charts", ranges, {0: 11}, loaded)


def test_a_replay_from_the_lake_needs_no_kafka(
    loading: Loading, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its command runs where no broker is known; a load that was left unfinished needs one, and says so."""
    loading.publish(*(a_chart_message(a_video_id(number)) for number in range(4)))
    loading.load()
    for name, value in to_environment(loading.job.dsn).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TRENDSCRIPT_HOME", str(tmp_path / "nowhere"))
    monkeypatch.setenv("LAKE_PATH", str(loading.job.lake))
    asked = Asked(source="lake")

    rehearsed = run_replay(loading.contract, asked, dry_run=True, quiet=True)
    report = run_replay(loading.contract, asked, dry_run=False, quiet=True)

    assert (rehearsed.messages.read, report.messages.read) == (4, 4)
    with pytest.raises(NoServer):
        run_replay(loading.contract, Asked(), dry_run=False, quiet=True)
    loading.publish(a_chart_message(a_video_id(9)))
    with pytest.raises(Killed):
        loading.load(on_step=kill_at("load"))
    with pytest.raises(NoServer, match="left unfinished"):
        run_replay(loading.contract, asked, dry_run=False, quiet=True)


def to_environment(dsn: str) -> dict[str, str]:
    """Where a database is, as a person would set it."""
    parts = parse_dsn(dsn)
    names = {"host": "POSTGRES_HOST", "port": "POSTGRES_PORT", "user": "POSTGRES_USER", "dbname": "POSTGRES_DB"}
    return {name: parts[part] for part, name in names.items()}
