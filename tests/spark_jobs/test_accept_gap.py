"""Accepting gaps: topics of a real Kafka that lost messages, were made anew, or belong to another cluster; no Spark."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest
from kafka import KafkaProducer, TopicPartition

from spark_jobs import finish
from spark_jobs.accept_gap import DecisionOutdated, accept_gap
from spark_jobs.gaps import NothingToAccept, WholeTopicOnly
from spark_jobs.lease import take_lease
from spark_jobs.lease_holders import TopicBusy
from spark_jobs.load_range import range_loader
from spark_jobs.offsets import ClusterChanged, OffsetsExpired, PositionAhead, TopicRecreated
from spark_jobs.plan import plan_batch
from spark_jobs.ranges import to_range_task
from tests.builders import a_chart_message, a_raw_batch, query, to_bytes
from tests.spark_jobs.quarantined import CHARTS, a_job

if TYPE_CHECKING:
    from kafka.admin import KafkaAdminClient

    from spark_jobs.batch import Batch
    from spark_jobs.gaps import Acceptance
    from spark_jobs.job import Job
    from tests.conftest import MakeTopic, Stack
    from trendscript.contracts import Contract

WHY = "loads did not run in August"
GOOD = to_bytes(a_chart_message())


@dataclass
class Topic:
    """A topic of two partitions, and how a load sees it; its messages are handed to ranges by the test."""

    contract: Contract
    job: Job
    admin: KafkaAdminClient

    @property
    def name(self) -> str:
        """The topic's name."""
        return self.contract.topic

    def publish(self, count: int, *, partition: int = 0) -> None:
        """Send as many messages to a partition."""
        with closing(KafkaProducer(bootstrap_servers=self.job.bootstrap_servers)) as producer:
            for _ in range(count):
                producer.send(self.name, GOOD, partition=partition).get(30)

    def plan(self) -> Batch | None:
        """The batch that a load would begin with."""
        state = self.job.topic_state(self.name)
        with closing(psycopg2.connect(self.job.dsn)) as connection:
            return plan_batch(connection, self.contract, lambda: self.job.topic_state(self.name), state.end, 1000)

    def load(self, value: bytes = GOOD) -> int:
        """Load what waits; how many messages. Every message is taken to be `value`."""
        batch = self.plan()
        if batch is None:
            return 0
        for found in batch.ranges:
            assert self.load_range(batch, found.partition, value) == "committed"
        with closing(psycopg2.connect(self.job.dsn)) as connection, connection, connection.cursor() as cursor:
            assert finish.mark_committed(cursor, batch.batch_id)
        return sum(found.offsets for found in batch.ranges)

    def load_range(self, batch: Batch, partition: int, value: bytes = GOOD) -> str:
        """One attempt at a range; how it ended."""
        wanted = batch.range_of(partition)
        messages = a_raw_batch([value] * wanted.offsets, partition=partition, first_offset=wanted.from_offset)
        (answer,) = range_loader(to_range_task(self.job, self.contract, batch))([messages])
        return str(answer.to_pylist()[0]["status"])

    def expire(self, until: int, *, partition: int = 0) -> None:
        """Let Kafka forget what stands before an offset."""
        self.admin.delete_records({TopicPartition(self.name, partition): until})

    def accept(self, **how: Any) -> Acceptance:
        """Accept what load refuses."""
        return accept_gap(self.job, self.name, WHY, **how)

    def positions(self) -> list[tuple[Any, ...]]:
        """The next offset of each partition of the topic as it is now."""
        return query(
            self.job.dsn,
            "select partition, next_offset from pipeline.position "
            "where topic_id = (select topic_id from pipeline.topic) order by 1",
        )

    def gaps(self) -> list[tuple[Any, ...]]:
        """What is recorded."""
        return query(
            self.job.dsn,
            "select partition, from_offset, until_offset, fault, why from pipeline.accepted_gap order by 1, 2, 3",
        )

    def ledger(self) -> list[list[tuple[Any, ...]]]:
        """All that a decision could write."""
        names = ("topic", "batch", "batch_range", "position", "accepted_gap", "dead_letter")
        return [query(self.job.dsn, f"select t::text from pipeline.{name} t order by 1") for name in names]  # noqa: S608  (names from here)


@pytest.fixture
def topic(stack: Stack, database: str, make_topic: MakeTopic, kafka_admin: KafkaAdminClient) -> Topic:
    """A fresh topic and a fresh ledger."""
    contract = replace(CHARTS, topic=make_topic("charts", partitions=2))
    return Topic(contract, a_job(database, bootstrap_servers=stack.bootstrap_servers), kafka_admin)


def test_expired_offsets_are_given_up(topic: Topic) -> None:
    """Position and record move together, with who and why; the next load goes on behind the gap."""
    topic.publish(4)
    topic.load()
    topic.publish(4)
    topic.expire(6)
    with pytest.raises(OffsetsExpired, match=f"`trendscript accept-gap {topic.name}"):
        topic.load()
    before = topic.ledger()
    assert topic.accept(dry_run=True).positions == {0: 6}
    assert topic.ledger() == before

    topic.accept()

    assert topic.gaps() == [(0, 4, 6, "OffsetsExpired", WHY)]
    ((who,),) = query(topic.job.dsn, "select decided_by from pipeline.accepted_gap")
    assert "@" in who
    assert topic.load() == 2
    with pytest.raises(NothingToAccept) as refused:
        topic.accept()
    assert refused.value.exit_code == 2


def test_a_batch_that_cannot_be_finished_is_abandoned(topic: Topic) -> None:
    """With the ranges that it had committed kept; a late attempt at its open range is rolled back."""
    topic.publish(4)
    topic.publish(3, partition=1)
    batch = topic.plan()
    assert batch is not None
    assert topic.load_range(batch, 1) == "committed"
    topic.expire(2)
    with pytest.raises(OffsetsExpired):
        topic.plan()

    accepted = topic.accept()

    assert accepted.abandoned is not None
    assert query(topic.job.dsn, "select state, why from pipeline.batch") == [("abandoned", WHY)]
    assert topic.load_range(batch, 0) == "failed"
    assert topic.load_range(batch, 1) == "already committed"
    assert topic.positions() == [(0, 2), (1, 3)]
    assert topic.load() == 2


def test_a_position_that_moves_while_it_is_decided_undoes_all(topic: Topic, database: str) -> None:
    """An attempt that ends just before its batch is abandoned has loaded what would be given up, or more."""
    topic.publish(4)
    topic.plan()
    topic.expire(2)
    query(
        database,
        """
        create function pipeline.move() returns trigger language plpgsql as $$
        begin
            update pipeline.position set next_offset = 4 where partition = 0;
            return new;
        end $$;
        create trigger attempt_ends after update on pipeline.batch
        for each row when (new.state = 'abandoned') execute function pipeline.move();
        """,
    )
    before = topic.ledger()
    with pytest.raises(DecisionOutdated, match="stood at offset 0 when this was decided") as outdated:
        topic.accept()
    assert outdated.value.exit_code == 75
    assert topic.ledger() == before


def test_partitions_can_be_accepted_one_by_one(topic: Topic) -> None:
    """The other still stops the load."""
    for partition in (0, 1):
        topic.publish(2, partition=partition)
    topic.load()
    for partition in (0, 1):
        topic.publish(2, partition=partition)
        topic.expire(3, partition=partition)
    topic.accept(partitions=[1])
    assert topic.positions() == [(0, 2), (1, 3)]
    with pytest.raises(OffsetsExpired, match="partition 0"):
        topic.load()
    topic.accept()
    assert topic.load() == 2


def test_a_kafka_that_ends_before_the_position(topic: Topic) -> None:
    """Load goes on from Kafka's end; letters behind it make room for the messages that come to stand there."""
    topic.publish(6)
    topic.load(b"{broken")
    # As if Kafka had had 9 and were restored from a copy with 6 of them, of which the last two had been lost besides.
    query(topic.job.dsn, "update pipeline.position set next_offset = 9 where partition = 0")
    for step in (100, -98):  # not 2 at once: each row's key is checked by itself
        query(
            topic.job.dsn, 'update pipeline.dead_letter set message_value = \'old\', "offset" = "offset" + %s', [step]
        )
    with pytest.raises(PositionAhead, match=f"`trendscript accept-gap {topic.name}"):
        topic.load()

    topic.accept()

    assert topic.gaps() == [(0, 6, 9, "PositionAhead", WHY)]
    assert topic.positions()[0] == (0, 6)
    topic.publish(2)
    assert topic.load(b"{broken") == 2
    letters = "select \"offset\", message_value, topic_id ~ ' before ' from pipeline.dead_letter order by 1, 3"
    found = [(offset, bytes(value), aside) for offset, value, aside in query(topic.job.dsn, letters)]
    assert found[4:] == [(6, b"{broken", False), (6, b"old", True), (7, b"{broken", False), (7, b"old", True)]
    assert not any(aside for _, _, aside in found[:4])


def test_a_topic_that_was_made_anew(topic: Topic) -> None:
    """The new one is loaded from its earliest offset; what the old one had beyond its position is a gap without end."""
    topic.publish(4)
    topic.load()
    topic.publish(2)
    batch = topic.plan()
    assert batch is not None
    topic.admin.delete_topics([topic.name])
    create_again(topic)
    topic.publish(7)
    with pytest.raises(TopicRecreated, match=f"`trendscript accept-gap {topic.name}"):
        topic.load()
    with pytest.raises(WholeTopicOnly):
        topic.accept(partitions=[0])

    accepted = topic.accept()

    assert accepted.takes_over
    assert topic.gaps() == [(0, 4, None, "TopicRecreated", WHY), (1, 0, None, "TopicRecreated", WHY)]
    assert query(topic.job.dsn, "select state from pipeline.batch where batch_id = %s", [batch.batch_id]) == [
        ("abandoned",)
    ]
    assert topic.positions() == [(0, 0), (1, 0)]
    assert topic.load_range(batch, 0) == "failed"
    assert topic.load() == 7
    assert query(topic.job.dsn, "select count(*) from pipeline.position") == [(4,)]


def create_again(topic: Topic) -> None:
    """Create the topic anew once its deletion has gone through, and wait until brokers know it."""
    deadline = time.monotonic() + 60
    while not topic.admin.describe_topics([topic.name])[0]["error_code"] and time.monotonic() < deadline:
        time.sleep(0.1)
    topic.admin.create_topics({topic.name: {"num_partitions": 2, "replication_factor": 1}})
    topic.admin.wait_for_topics([topic.name])


def test_another_cluster(topic: Topic) -> None:
    """A copy of the same topic under another cluster's id goes on where it was, once somebody has said so."""
    topic.publish(4)
    topic.load()
    topic.publish(3)
    query(topic.job.dsn, "update pipeline.topic set cluster_id = 'elsewhere'")
    with pytest.raises(ClusterChanged, match=f"`trendscript accept-gap {topic.name}"):
        topic.load()
    topic.accept()
    assert topic.gaps()[0] == (0, 4, None, "ClusterChanged", WHY)
    assert topic.load() == 3


def test_nothing_is_accepted_where_nothing_is_amiss(topic: Topic) -> None:
    """A topic that was never loaded, and one that Kafka holds, messages waiting or not."""
    with pytest.raises(NothingToAccept, match="never loaded"):
        topic.accept()
    topic.publish(4)
    topic.load()
    topic.publish(1)
    before = topic.ledger()
    with pytest.raises(NothingToAccept, match="nothing to accept"):
        topic.accept()
    assert topic.ledger() == before


def test_a_runner_at_work_is_not_disturbed(topic: Topic) -> None:
    """While somebody holds the topic's lease nothing is decided."""
    with take_lease(topic.job.dsn, topic.name), pytest.raises(TopicBusy) as busy:
        topic.accept()
    assert busy.value.exit_code == 75
