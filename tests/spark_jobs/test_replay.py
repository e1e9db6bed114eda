"""Replaying what was loaded: from real Kafka into real tables, killed on the way, and finished by who comes next."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from kafka import TopicPartition

from spark_jobs.lease import take_lease
from spark_jobs.lease_holders import TopicBusy
from spark_jobs.offsets import ReplayExpired
from spark_jobs.replay import NeverLoaded, NothingToAbandon, abandon_replay
from tests.builders import read_versions
from tests.spark_jobs.quarantined import Killed, kill_at
from tests.spark_jobs.test_load import a_chart_message, a_video_id, bronze_rows
from trendscript.contracts.model import Limits, Path

if TYPE_CHECKING:
    from kafka.admin import KafkaAdminClient

    from tests.spark_jobs.conftest import Loading


def batches(loading: Loading) -> list[tuple[Any, ...]]:
    """Kind and state of every batch, in order."""
    return loading.query("select kind, source, state from pipeline.batch order by batch_id")


def positions(loading: Loading) -> list[tuple[Any, ...]]:
    """Where each partition goes on, and when that was written."""
    return loading.query("select partition, next_offset, updated_at from pipeline.position order by 1")


def test_a_replay_of_unchanged_messages_writes_no_row(loading: Loading) -> None:
    """Not one row version, letter, position or line of bronze; the batches are in the ledger, bounded in size."""
    loading.publish(*(a_chart_message(a_video_id(number)) for number in range(9)), b"{broken")
    loading.load()
    versions, where = read_versions(loading.dsn, loading.contract), positions(loading)
    letters = loading.query("select ctid::text, xmin::text from pipeline.dead_letter")

    report = loading.replay(job={"max_messages": 4})

    assert [batch.messages.read for batch in report.batches] == [4, 4, 2]
    assert (report.messages.accepted, report.messages.quarantined) == (9, 1)
    assert report.tables["processed.chart_entry"].unchanged == 9
    assert read_versions(loading.dsn, loading.contract) == versions
    assert positions(loading) == where
    assert loading.query("select ctid::text, xmin::text from pipeline.dead_letter") == letters
    assert len(bronze_rows(loading)) == 10
    assert batches(loading) == [("load", "kafka", "committed"), *[("replay", "kafka", "committed")] * 3]


def test_a_mended_contract_takes_effect(loading: Loading) -> None:
    """Rows of an equal version are written anew, and what was refused for the contract's fault leaves quarantine."""
    wrong = loading.under(
        title={"paths": (Path(-1, ("item", "snippet", "channelId")),), "limits": Limits(max_length=24)}
    )
    tight = loading.under(title={"limits": Limits(max_length=5)})
    loading.publish(a_chart_message(a_video_id(1)))
    wrong.load()
    assert loading.query("select title from processed.video") == [("UC" + "c" * 22,)]
    loading.publish(a_chart_message(a_video_id(2)))
    tight.load()
    assert loading.query("select reason, state from pipeline.dead_letter") == [("too_long:title", "open")]

    report = loading.replay()

    assert report.tables["processed.video"].updated == 1
    assert loading.query("select title from processed.video order by video_id") == [("A title",)] * 2
    ((state, closed_by),) = loading.query("select state, closed_by_batch from pipeline.dead_letter")
    assert (state, closed_by) == ("closed", report.batches[-1].batch_id)


def test_only_what_is_asked_for_is_replayed(loading: Loading) -> None:
    """Offsets and partitions; nothing beyond what was loaded, though Kafka holds more; nothing at all is said."""
    loading.publish(*(a_chart_message(a_video_id(number)) for number in range(8)), key=b"same")
    loading.load()
    loading.publish(a_chart_message(a_video_id(99)), key=b"same")
    ((partition,),) = loading.query("select partition from pipeline.position where next_offset > 0")

    report = loading.replay(from_offset=2, until_offset=5, partitions=(partition,))
    assert report.messages.read == 3
    assert loading.query(
        "select from_offset, until_offset from pipeline.batch_range order by batch_id desc limit 1"
    ) == [(2, 5)]
    assert loading.replay(from_offset=6, until_offset=100).messages.read == 2
    nothing = loading.replay(from_offset=8)
    assert (nothing.batches, "nothing to replay" in nothing.note) == ((), True)
    with pytest.raises(NeverLoaded, match="no partition 7"):
        loading.replay(partitions=(7,))
    with pytest.raises(NeverLoaded, match="ever loaded"):
        replace(loading, contract=replace(loading.contract, topic="never_loaded")).replay()


def test_since_a_time_is_by_the_messages_own_times(loading: Loading) -> None:
    """From the first message of that time on; a time to come has none."""
    loading.publish(*(a_chart_message(a_video_id(number)) for number in range(3)), key=b"same")
    time.sleep(0.05)
    since = datetime.now(UTC)
    time.sleep(0.05)
    loading.publish(*(a_chart_message(a_video_id(number)) for number in range(3, 5)), key=b"same")
    loading.load()
    assert loading.replay(since=since).messages.read == 2
    assert loading.replay(since=datetime(2100, 1, 1, tzinfo=UTC)).batches == ()


@pytest.mark.parametrize("step", ["load", "finish"])
def test_a_load_finishes_a_replay_that_was_killed(loading: Loading, step: str) -> None:
    """As it was planned, before it plans anything of its own; no position moves for it."""
    loading.publish(*(a_chart_message(a_video_id(number)) for number in range(6)))
    loading.load()
    where = positions(loading)
    with pytest.raises(Killed):
        loading.replay(job={"on_step": kill_at(step)})
    assert batches(loading)[-1] == ("replay", "kafka", "planned")
    loading.publish(a_chart_message(a_video_id(9)))

    report = loading.load()

    assert [(batch.kind, batch.messages.read) for batch in report.batches] == [("replay", 6), ("load", 1)]
    assert {state for _, _, state in batches(loading)} == {"committed"}
    assert sum(offset for _, offset, _ in positions(loading)) == sum(offset for _, offset, _ in where) + 1
    assert len(bronze_rows(loading)) == 7


def test_a_replay_finishes_a_load_that_was_killed(loading: Loading) -> None:
    """Then it replays what it was asked for, the finished load's messages included."""
    loading.publish(*(a_chart_message(a_video_id(number)) for number in range(4)))
    with pytest.raises(Killed):
        loading.load(on_step=kill_at("load"))

    report = loading.replay()

    assert [(batch.kind, batch.messages.read) for batch in report.batches] == [("load", 4), ("replay", 4)]
    assert loading.query("select count(*) from processed.chart_entry") == [(4,)]
    assert len(bronze_rows(loading)) == 4


def test_messages_that_kafka_forgot_are_named(loading: Loading, kafka_admin: KafkaAdminClient) -> None:
    """With the way out; a replay that was planned before can be given up, and loads go on."""
    loading.publish(*(a_chart_message(a_video_id(number)) for number in range(6)), key=b"same")
    loading.load()
    ((partition,),) = loading.query("select partition from pipeline.position where next_offset > 0")
    with pytest.raises(Killed):
        loading.replay(job={"on_step": kill_at("load")})
    kafka_admin.delete_records({TopicPartition(loading.topic, partition): 4})

    for run in (loading.load, loading.replay):
        with pytest.raises(ReplayExpired, match="--abandon") as planned:
            run()
        assert planned.value.exit_code == 78
    given_up = abandon_replay(loading.job.dsn, loading.topic, "Kafka has forgotten")
    assert loading.query("select state, why from pipeline.batch where batch_id = %s", given_up.batch_id) == [
        ("abandoned", "Kafka has forgotten")
    ]
    with pytest.raises(NothingToAbandon):
        abandon_replay(loading.job.dsn, loading.topic, "again")
    with pytest.raises(ReplayExpired, match=r"offsets 0 to 5: .* holds 4 to 5 .*--from-lake"):
        loading.replay()
    with pytest.raises(ReplayExpired, match="--from-lake"):
        loading.replay(since=datetime(2020, 1, 1, tzinfo=UTC))
    assert loading.replay(from_offset=4).messages.read == 2
    assert loading.load().batches == ()


def test_a_replay_stands_back_and_a_dry_run_leaves_no_trace(loading: Loading) -> None:
    """Another runner's topic is left to it; a rehearsal counts, and the ledger doesn't know of it."""
    loading.publish(*(a_chart_message(a_video_id(number)) for number in range(3)))
    loading.load()
    with take_lease(loading.job.dsn, loading.topic), pytest.raises(TopicBusy) as busy:
        loading.replay()
    assert busy.value.exit_code == 75

    report = loading.replay(dry_run=True)

    assert (report.messages.read, report.tables["processed.chart_entry"].unchanged) == (3, 3)
    assert batches(loading) == [("load", "kafka", "committed")]
