"""The load job against real Kafka, real Postgres and a real Delta lake."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest
from kafka import KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewPartitions

from spark_jobs.bronze import bronze_path
from spark_jobs.lease import take_lease
from spark_jobs.lease_holders import TopicBusy
from spark_jobs.offsets import OffsetsExpired, PartitionVanished, PositionAhead, TopicRecreated
from spark_jobs.plan import plan_batch
from trendscript.kafka import TopicMissing
from trendscript.postgres import connect

if TYPE_CHECKING:
    from spark_jobs.batch import Batch
    from tests.spark_jobs.conftest import Loading

AT = "2026-03-01T10:00:00Z"


def a_chart_message(video_id: str, **changes: Any) -> dict[str, Any]:
    """An envelope as `ingest charts` publishes it; `changes` to its fields, `title` and `views` to its item."""
    item = {
        "id": video_id,
        "snippet": {"title": changes.pop("title", "A title"), "channelId": "UC" + "c" * 22},
        "statistics": {"viewCount": changes.pop("views", "100")},
    }
    envelope = {
        "source": "youtube_api",
        "captured_at": AT,
        "region_code": "FR",
        "category_id": "0",
        "rank": 1,
        "size": 1,
        "item": item,
    }
    return envelope | changes


def a_video_id(number: int) -> str:
    """A valid video id."""
    return f"video{number:06d}"


def bronze_rows(loading: Loading) -> list[tuple[int, int, bytes]]:
    """Partition, offset and value of every row of the topic's bronze table."""
    rows = loading.job.spark.read.format("delta").load(bronze_path(str(loading.job.lake), loading.topic)).collect()
    return sorted((row["partition"], row["offset"], bytes(row["value"] or b"")) for row in rows)


def test_every_message_is_in_its_tables_or_in_quarantine(loading: Loading) -> None:
    """Good messages fill three tables, bad ones stay byte for byte with place and reason, and the counts say so."""
    good = [a_chart_message(a_video_id(number), rank=number, size=5) for number in range(1, 6)]
    loading.publish(*good, b"{broken", None, a_chart_message("bad id"))

    report = loading.load()

    messages = report.messages
    assert (messages.read, messages.accepted, messages.quarantined) == (8, 5, 3)
    assert loading.query("select rank, video_id from processed.chart_entry order by rank") == [
        (number, a_video_id(number)) for number in range(1, 6)
    ]
    assert loading.query("select count(*) from processed.video") == [(5,)]
    assert loading.query("select region_code, category_id, captured_at, size from processed.chart_reading") == [
        ("FR", "0", datetime(2026, 3, 1, 10, tzinfo=UTC), 5)
    ]
    letters = loading.query("select reason, message_value from pipeline.dead_letter order by reason")
    assert [(reason, value and bytes(value)) for reason, value in letters[:1] + letters[2:]] == [
        ("not_json", b"{broken"),
        ("tombstone", None),
    ]
    assert letters[1][0] == "pattern:video_id"


def test_a_second_load_finds_nothing_and_writes_nothing(loading: Loading) -> None:
    """What was loaded stays as it is: no batch, no row version."""
    loading.publish(*(a_chart_message(a_video_id(number)) for number in range(20)))
    loading.load()
    before = loading.query("select ctid::text, xmin::text from processed.chart_entry order by video_id")

    report = loading.load()

    assert report.batches == ()
    assert loading.query("select ctid::text, xmin::text from processed.chart_entry order by video_id") == before


def test_batches_are_bounded_and_reach_the_end(loading: Loading) -> None:
    """`max_messages` bounds each batch, and one run goes on until the end seen at its start."""
    loading.publish(*(a_chart_message(a_video_id(number)) for number in range(25)))

    report = loading.load(max_messages=10)

    assert [batch.messages.read for batch in report.batches] == [10, 10, 5]
    assert loading.query("select count(*) from processed.chart_entry") == [(25,)]


def test_rows_can_be_traced_to_their_message(loading: Loading) -> None:
    """Partition, offset and batch of a row lead to the message in bronze that it came from."""
    loading.publish(a_chart_message(a_video_id(1), title="Traced"))
    report = loading.load()

    (found,) = loading.query("select source_partition, source_offset, batch_id from processed.video")

    assert found[2] == report.batches[0].batch_id
    (value,) = (value for partition, offset, value in bronze_rows(loading) if (partition, offset) == found[:2])
    assert b"Traced" in value


def test_the_newest_version_wins_whatever_order_it_comes_in(loading: Loading) -> None:
    """An older reading that arrives later is kept as an observation and leaves the video as it is."""
    newer, older = "2026-03-01T12:00:00Z", "2026-03-01T11:00:00Z"
    loading.publish(a_chart_message(a_video_id(1), captured_at=newer, title="New"))
    loading.load()
    loading.publish(a_chart_message(a_video_id(1), captured_at=older, title="Old"))

    report = loading.load()

    assert report.tables["processed.video"].stale == 1
    assert loading.query("select title from processed.video") == [("New",)]
    assert loading.query("select count(*) from processed.chart_entry") == [(2,)]


def test_an_unfinished_batch_is_resumed_as_it_was_planned(loading: Loading) -> None:
    """A batch that one range was missing of is finished first; what came since waits for the next batch."""
    loading.publish(*(a_chart_message(a_video_id(number)) for number in range(30)))
    report = loading.load()
    expected = loading.tables()
    batch_id = report.batches[0].batch_id
    (partition, from_offset) = loading.query("select partition, from_offset from pipeline.batch_range limit 1")[0]
    # As a crash leaves it after one range's commit: the batch planned, the other range's transaction never ended.
    loading.query("delete from processed.chart_entry where source_partition = %s", partition)
    loading.query("update pipeline.batch set state = 'planned', committed_at = null")
    loading.query(
        "update pipeline.batch_range set committed_at = null, read = null, skipped = null where partition = %s",
        partition,
    )
    loading.query("update pipeline.position set next_offset = %s where partition = %s", from_offset, partition)
    loading.publish(a_chart_message(a_video_id(99)))

    resumed = loading.load()

    assert [batch.batch_id == batch_id for batch in resumed.batches] == [True, False]
    assert resumed.batches[1].messages.read == 1
    loading.query("delete from processed.chart_entry where video_id = %s", a_video_id(99))
    loading.query("delete from processed.video where video_id = %s", a_video_id(99))
    assert loading.tables() == expected
    assert len(bronze_rows(loading)) == 31


def test_bronze_holds_every_message_once_as_it_came(loading: Loading) -> None:
    """Bytes, tombstones and broken messages too; a batch that is written again adds nothing."""
    loading.publish(a_chart_message(a_video_id(1)), b"\xff\x00", None)
    loading.load()
    assert [value for _, _, value in bronze_rows(loading)].count(b"\xff\x00") == 1
    assert len(bronze_rows(loading)) == 3


def test_a_dry_run_counts_and_leaves_no_trace(loading: Loading) -> None:
    """It reports what a load would do, then neither ledger, tables, quarantine nor lake have changed."""
    loading.publish(a_chart_message(a_video_id(1)), a_chart_message(a_video_id(2)), b"{broken")

    report = loading.rehearse()

    assert (report.messages.accepted, report.messages.quarantined) == (2, 1)
    assert report.tables["processed.chart_entry"].inserted == 2
    assert report.tables["processed.chart_reading"].inserted == 1
    for table in ("processed.video", "pipeline.topic", "pipeline.batch", "pipeline.position", "pipeline.dead_letter"):
        assert loading.query(f"select count(*) from {table}") == [(0,)]  # noqa: S608  (names from above)
    assert loading.load().tables["processed.chart_entry"].inserted == 2


def test_a_topic_without_messages_is_nothing_to_do(loading: Loading) -> None:
    """No batch, no failure."""
    assert loading.load().batches == ()


def test_a_topic_that_does_not_exist_is_named(loading: Loading) -> None:
    """The sentence says which topic, and the code is that of a person's task."""
    missing = replace(loading, contract=replace(loading.contract, topic="no_such_topic"))
    with pytest.raises(TopicMissing, match="no_such_topic") as failure:
        missing.load()
    assert failure.value.exit_code == 78


def test_expired_messages_stop_the_load(loading: Loading, kafka_admin: KafkaAdminClient) -> None:
    """Messages that retention took before they were loaded are named by partition and offset; nothing is changed."""
    loading.publish(*(a_chart_message(a_video_id(number)) for number in range(4)), key=b"same")
    loading.load()
    loading.publish(*(a_chart_message(a_video_id(number)) for number in range(4, 8)), key=b"same")
    ((partition, position),) = loading.query(
        "select partition, next_offset from pipeline.position where next_offset > 0"
    )
    kafka_admin.delete_records({TopicPartition(loading.topic, partition): position + 2})

    with pytest.raises(
        OffsetsExpired, match=rf"partition {partition}: offsets {position} to {position + 1}"
    ) as failure:
        loading.load()

    assert failure.value.exit_code == 78
    assert loading.query("select count(*) from pipeline.batch") == [(1,)]


def test_a_topic_created_anew_is_refused(loading: Loading, kafka_admin: KafkaAdminClient) -> None:
    """A topic of the same name with more messages than before is another topic: nothing of it is loaded."""
    loading.publish(a_chart_message(a_video_id(1)))
    loading.load()
    kafka_admin.delete_topics([loading.topic])
    _create_again(kafka_admin, loading.topic)
    loading.publish(*(a_chart_message(a_video_id(number)) for number in range(10)))

    with pytest.raises(TopicRecreated) as failure:
        loading.load()

    assert failure.value.exit_code == 78
    assert loading.query("select count(*) from processed.chart_entry") == [(1,)]


def _create_again(kafka_admin: KafkaAdminClient, topic: str) -> None:
    """Create a topic anew once its deletion has gone through, and wait until brokers know it."""
    deadline = time.monotonic() + 20
    while not kafka_admin.describe_topics([topic])[0]["error_code"] and time.monotonic() < deadline:
        time.sleep(0.1)
    kafka_admin.create_topics({topic: {"num_partitions": 2, "replication_factor": 1}})
    kafka_admin.wait_for_topics([topic])


def test_a_ledger_ahead_of_kafka_is_refused(loading: Loading) -> None:
    """A position past Kafka's end means that Kafka lost messages: a person has to look."""
    loading.publish(a_chart_message(a_video_id(1)), key=b"same")
    loading.load()
    loading.query("update pipeline.position set next_offset = 1000 where next_offset > 0")
    with pytest.raises(PositionAhead, match="1000"):
        loading.load()


def test_a_vanished_partition_is_refused(loading: Loading) -> None:
    """A partition that the ledger knows and Kafka doesn't is never forgotten in silence."""
    loading.publish(a_chart_message(a_video_id(1)))
    loading.load()
    loading.query(
        "insert into pipeline.position (topic, topic_id, partition, next_offset) "
        "select topic, topic_id, 7, 3 from pipeline.topic"
    )
    with pytest.raises(PartitionVanished, match="partition 7"):
        loading.load()


def test_a_partition_added_later_is_read_from_its_beginning(loading: Loading, kafka_admin: KafkaAdminClient) -> None:
    """Messages of a partition that appeared since the last load are not skipped."""
    loading.publish(a_chart_message(a_video_id(1)))
    loading.load()
    kafka_admin.create_partitions({loading.topic: NewPartitions(3)})
    producer = KafkaProducer(bootstrap_servers=loading.job.bootstrap_servers)
    deadline = time.monotonic() + 20
    while 2 not in producer.partitions_for(loading.topic) and time.monotonic() < deadline:
        time.sleep(0.2)
        producer._metadata.request_update()  # noqa: SLF001  (the public way waits five minutes)
    producer.send(loading.topic, b"{broken", partition=2).get(20)
    producer.close()

    assert loading.load().messages.quarantined == 1


def test_transaction_markers_and_aborted_messages_are_passed_over(loading: Loading) -> None:
    """Committed transactions load, aborted ones never do, and the position passes both and their markers."""
    producer = KafkaProducer(
        bootstrap_servers=loading.job.bootstrap_servers, transactional_id=f"test-{loading.topic}", acks="all"
    )
    producer.init_transactions()
    for number, end in enumerate(
        (producer.commit_transaction, producer.abort_transaction, producer.commit_transaction), start=1
    ):
        producer.begin_transaction()
        producer.send(loading.topic, b"{broken %d" % number, partition=0)
        producer.flush()
        end()
    producer.close()

    report = loading.load()

    assert report.messages.quarantined == 2
    assert report.messages.skipped == 4
    assert loading.query("select next_offset from pipeline.position where partition = 0") == [(6,)]
    values = loading.query("select message_value from pipeline.dead_letter order by 1")
    assert [bytes(value) for (value,) in values] == [b"{broken 1", b"{broken 3"]


def test_a_range_of_markers_alone_is_closed(loading: Loading) -> None:
    """Offsets that hold no visible message are passed by the driver, and the batch is committed."""
    producer = KafkaProducer(
        bootstrap_servers=loading.job.bootstrap_servers, transactional_id=f"test-{loading.topic}", acks="all"
    )
    producer.init_transactions()
    producer.begin_transaction()
    producer.send(loading.topic, b"{never seen", partition=1)
    producer.flush()
    producer.abort_transaction()
    producer.close()

    report = loading.load()

    assert (report.messages.read, report.messages.skipped) == (0, 2)
    assert loading.query("select state from pipeline.batch") == [("committed",)]
    assert loading.load().batches == ()


def test_a_second_runner_stands_back(loading: Loading) -> None:
    """While somebody holds the topic's lease, a load says who and for how long, and touches nothing."""
    loading.publish(a_chart_message(a_video_id(1)))
    with take_lease(loading.job.dsn, loading.topic), pytest.raises(TopicBusy, match="process") as busy:
        loading.load()
    assert not busy.value.stuck
    assert loading.load().messages.accepted == 1


def test_a_range_that_another_attempt_holds_is_waited_for(loading: Loading) -> None:
    """An older attempt at the same batch that still holds the range's lock is ended, and the batch goes on."""
    loading.publish(a_chart_message(a_video_id(1)), key=b"same")
    loading.load()
    (batch_id, partition) = loading.query("select batch_id, partition from pipeline.batch_range")[0]
    loading.query("truncate processed.chart_reading, processed.video cascade")
    loading.query("update pipeline.batch set state = 'planned', committed_at = null")
    loading.query("update pipeline.batch_range set committed_at = null, read = null, skipped = null")
    loading.query("update pipeline.position set next_offset = 0")
    name = f"trendscript batch={batch_id} partition={partition} attempt=zombie"
    with closing(psycopg2.connect(loading.job.dsn, application_name=name)) as zombie, zombie.cursor() as cursor:
        cursor.execute("select from pipeline.batch_range where batch_id = %s for update", [batch_id])
        assert loading.load().messages.accepted == 1
        with pytest.raises(psycopg2.Error):
            cursor.execute("select 1")


def test_text_that_looks_like_sql_is_stored_as_it_is(loading: Loading) -> None:
    """Quotes, semicolons, formulas and emoji go in and come out verbatim; a title of 5 MB is quarantined whole."""
    titles = ['"; drop table processed.video; --', "=HYPERLINK(1)", "\U0001f600 \u202e", "x" * 5_000_000]
    loading.publish(*(a_chart_message(a_video_id(number), title=title) for number, title in enumerate(titles)))

    loading.load()

    assert [title for (title,) in loading.query("select title from processed.video order by video_id")] == titles[:3]
    letters = loading.query("select reason, length(message_value) > 5000000 from pipeline.dead_letter")
    assert letters == [("too_long:title", True)]


def test_two_planners_at_once_end_with_one_plan(loading: Loading) -> None:
    """Runners that got past the lease plan one batch between them: the second resumes the first one's."""
    loading.publish(*(a_chart_message(a_video_id(number)) for number in range(4)))
    ends = loading.job.topic_state(loading.topic).end

    def plan() -> Batch | None:
        with closing(connect(loading.job.dsn, application_name="test planner")) as connection:
            return plan_batch(connection, loading.contract, lambda: loading.job.topic_state(loading.topic), ends, 100)

    with ThreadPoolExecutor(4) as pool:
        batches = list(pool.map(lambda _: plan(), range(4)))

    assert len({batch and batch.batch_id for batch in batches}) == 1
    assert loading.query("select count(*) from pipeline.batch") == [(1,)]
    assert loading.load().messages.accepted == 4


def test_messages_that_expire_while_they_are_read_are_named(loading: Loading, kafka_admin: KafkaAdminClient) -> None:
    """Spark's own failure is traced to its cause: the offsets that Kafka deleted since the plan."""
    loading.publish(*(a_chart_message(a_video_id(number)) for number in range(4)), key=b"same")
    ends = loading.job.topic_state(loading.topic).end

    def delete_before_reading(_topic: str, step: str) -> None:
        if step == "bronze":
            kafka_admin.delete_records(
                {TopicPartition(loading.topic, partition): end for partition, end in ends.items() if end}
            )

    with pytest.raises(OffsetsExpired, match="offsets 0 to 3"):
        loading.load(on_step=delete_before_reading)

    assert loading.query("select count(*) from processed.chart_entry") == [(0,)]
