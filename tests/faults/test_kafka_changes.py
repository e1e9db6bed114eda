"""Kafka is no longer what the ledger knows, or shows only part of what it holds."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from spark_jobs.accept_gap import accept_gap
from spark_jobs.offsets import ClusterChanged, OffsetsExpired, TopicRecreated
from tests.builders import read_versions
from tests.faults.fold import Produced
from tests.faults.orders import Order
from tests.faults.scene import beside
from trendscript.errors import NeedsAPerson

if TYPE_CHECKING:
    from kafka.admin import KafkaAdminClient

    from tests.faults.scene import WarmScene

_WHY = "a test took them"
_SECONDS = 60


def _forget(scene: WarmScene, admin: KafkaAdminClient, partition: int, before: int) -> None:
    """Have Kafka delete what stands before an offset, as retention does."""
    admin.delete_records({TopicPartition(scene.topic, partition): before})


@pytest.mark.case("13")
def test_messages_expire_before_they_are_loaded(scene: WarmScene, kafka_admin: KafkaAdminClient) -> None:
    """The load names partition and offsets and changes nothing; after accept-gap it goes on, and the gap is kept."""
    scene.tell(100)
    scene.load()
    positions = scene.state().end
    scene.tell(100)
    ends = scene.state().end
    before = read_versions(scene.dsn, scene.contract)
    lost = {}
    for partition in scene.chance.sample(range(scene.partitions), scene.chance.randint(1, 2)):
        lost[partition] = scene.chance.randint(positions[partition] + 1, ends[partition])
        _forget(scene, kafka_admin, partition, lost[partition])
    scene.order()
    scene.fault_now()

    with pytest.raises(OffsetsExpired, match=r"partition \d: offsets \d+ to \d+"):
        scene.load()
    assert read_versions(scene.dsn, scene.contract) == before
    accept_gap(scene.job, scene.topic, _WHY)
    scene.recover()

    for partition, earliest in lost.items():
        scene.gaps |= {(partition, offset) for offset in range(positions[partition], earliest)}
    kept = scene.query("select partition, from_offset, until_offset, why from pipeline.accepted_gap order by partition")
    assert kept == [(partition, positions[partition], lost[partition], _WHY) for partition in sorted(lost)]
    scene.judge()


@pytest.mark.case("13")
def test_messages_of_a_plan_expire_before_it_is_resumed(scene: WarmScene, kafka_admin: KafkaAdminClient) -> None:
    """A batch that can't be finished any more is refused; what of it was committed stays, the rest is the gap."""
    scene.tell(120)
    partition = scene.chance.randrange(scene.partitions)
    scene.order(Order("after_copy", "kill", (1, 2, 3, 4), partition))
    assert scene.try_load(lake=None) is not None
    ends = scene.state().end
    _forget(scene, kafka_admin, partition, ends[partition] - 2)

    with pytest.raises(OffsetsExpired):
        scene.load(lake=None)
    accept_gap(scene.job, scene.topic, _WHY)
    scene.job = replace(scene.job, lake=None)
    scene.recover()

    scene.gaps |= {(partition, offset) for offset in range(ends[partition] - 2)}
    scene.judge(with_bronze=False)


@pytest.mark.case("14")
def test_the_topic_is_made_anew(scene: WarmScene, kafka_admin: KafkaAdminClient) -> None:
    """Longer or shorter than before, it is another topic: refused, until somebody decides to load it."""
    scene.tell(100)
    scene.load()
    scene.leave_behind()
    _make_anew(scene, kafka_admin)
    scene.tell(scene.chance.choice([20, 300]))
    before = read_versions(scene.dsn, scene.contract)
    scene.order()
    scene.fault_now()

    with pytest.raises(TopicRecreated):
        scene.load()
    assert read_versions(scene.dsn, scene.contract) == before
    accept_gap(scene.job, scene.topic, _WHY)
    scene.recover()

    scene.judge()


@pytest.mark.case("14")
def test_the_topic_is_made_anew_between_plan_and_resume(scene: WarmScene, kafka_admin: KafkaAdminClient) -> None:
    """The plan belongs to the topic that is gone, and nothing of the new one is loaded under it."""
    scene.tell(100)
    scene.load()
    scene.tell(60)
    scene.order(Order("after_plan", "hold"))
    with beside(lambda: scene.load(lake=None)) as running:
        scene.faults.wait(alive=lambda: not running.done())
        scene.leave_behind()
        _make_anew(scene, kafka_admin)
        scene.tell(scene.chance.choice([20, 300]))
        scene.faults.withdraw()
        with pytest.raises(NeedsAPerson, match="deleted and created again"):
            running.result()
    scene.faults.check_carried_out()
    scene.order()
    scene.fault_now()
    with pytest.raises(TopicRecreated):
        scene.load()
    accept_gap(scene.job, scene.topic, _WHY)
    scene.recover()
    scene.judge()


def _make_anew(scene: WarmScene, admin: KafkaAdminClient) -> None:
    admin.delete_topics([scene.topic])
    deadline = time.monotonic() + _SECONDS
    while not admin.describe_topics([scene.topic])[0]["error_code"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    admin.create_topics({scene.topic: {"num_partitions": scene.partitions, "replication_factor": 1}})
    admin.wait_for_topics([scene.topic])


@pytest.mark.case("15")
def test_the_brokers_belong_to_another_cluster(scene: WarmScene) -> None:
    """Though the topic's name and id are the same, as after a restored disk: refused, until somebody decides."""
    scene.tell(100)
    scene.load()
    scene.tell(60)
    scene.query("update pipeline.topic set cluster_id = 'another cluster'")
    before = read_versions(scene.dsn, scene.contract)
    scene.order()
    scene.fault_now()

    with pytest.raises(ClusterChanged):
        scene.load()

    assert read_versions(scene.dsn, scene.contract) == before
    scene.query("update pipeline.topic set cluster_id = %s", scene.state().identity.cluster_id)
    scene.recover()
    scene.judge()


@pytest.mark.case("17")
def test_aborted_messages_are_never_loaded(scene: WarmScene) -> None:
    """Transactions that end either way, with messages outside of any between them; positions pass their markers."""
    _tell_transactions(scene, 12)
    partition = scene.chance.randrange(scene.partitions)
    scene.strike(Order("before_commit", "kill", (1,), partition), max_messages=scene.chance.choice([30, 500_000]))


@pytest.mark.case("17")
def test_a_compacted_topic_has_holes(scene: WarmScene, kafka_admin: KafkaAdminClient) -> None:
    """What compaction took is nobody's message any more; what it left is loaded, each once."""
    compacted = {"cleanup.policy": "compact", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.01"}
    kafka_admin.delete_topics([scene.topic])
    _make_compacted(scene, kafka_admin, compacted)
    for _ in range(2):
        scene.publish([told for told in scene.teller.tell(60) if told.value is not None])
        time.sleep(0.2)
    _wait_for_compaction(scene)
    partition = scene.chance.randrange(scene.partitions)
    scene.strike(Order("in_merge", "kill", (1,), partition))


def _make_compacted(scene: WarmScene, admin: KafkaAdminClient, configs: dict[str, str]) -> None:
    deadline = time.monotonic() + _SECONDS
    while not admin.describe_topics([scene.topic])[0]["error_code"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    options = {"num_partitions": scene.partitions, "replication_factor": 1, "configs": configs}
    admin.create_topics({scene.topic: options})
    admin.wait_for_topics([scene.topic])
    scene.keys = [b"one", b"two", b"three"]


def _wait_for_compaction(scene: WarmScene) -> None:
    """Until some messages are gone and no more go; then take those that are gone off the account."""
    deadline, held = time.monotonic() + _SECONDS, _read_places(scene)
    while len(held) == len(scene.log) or (again := _read_places(scene)) != held:
        assert time.monotonic() < deadline, "nothing was compacted"
        time.sleep(3.0)
        held = again if len(held) < len(scene.log) else _read_places(scene)
    scene.log = [replace(message, visible=message.place in held) for message in scene.log]


def _read_places(scene: WarmScene) -> set[tuple[int, int]]:
    """Where messages stand that a reader sees now."""
    places = set()
    with closing(KafkaConsumer(bootstrap_servers=scene.bootstrap_servers, enable_auto_commit=False)) as consumer:
        partitions = [TopicPartition(scene.topic, number) for number in range(scene.partitions)]
        ends = consumer.end_offsets(partitions)
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        while any(consumer.position(partition) < end for partition, end in ends.items()):
            for records in consumer.poll(timeout_ms=500).values():
                places |= {(record.partition, record.offset) for record in records}
    return places


@pytest.mark.case("18")
def test_a_transaction_stays_open(scene: WarmScene) -> None:
    """A load stops before it and succeeds; once it has ended, the next load takes what came behind it."""
    scene.tell(60)
    scene.order()
    with closing(_producer(scene)) as producer:
        producer.init_transactions()
        producer.begin_transaction()
        partition = scene.chance.randrange(scene.partitions)
        begun = _send(scene, producer, 3, partition)
        scene.tell(60)
        ends = scene.state().end
        assert ends[partition] == begun[0].offset
        scene.load()
        positions = dict(scene.query("select partition, next_offset from pipeline.position"))
        assert positions == ends
        scene.fault_now()
        kept = scene.chance.random() < 0.5
        (producer.commit_transaction if kept else producer.abort_transaction)()
    scene.log += [replace(message, visible=kept) for message in begun]
    scene.recover()
    scene.judge()


def _producer(scene: WarmScene) -> KafkaProducer:
    name = f"{scene.topic}-{time.time_ns()}"
    return KafkaProducer(bootstrap_servers=scene.bootstrap_servers, transactional_id=name, acks="all")


def _tell_transactions(scene: WarmScene, count: int) -> None:
    with closing(_producer(scene)) as producer:
        producer.init_transactions()
        for _ in range(count):
            producer.begin_transaction()
            sent = _send(scene, producer, scene.chance.randint(1, 12))
            kept = scene.chance.random() < 0.5
            (producer.commit_transaction if kept else producer.abort_transaction)()
            scene.log += [replace(message, visible=kept) for message in sent]
            scene.tell(scene.chance.randrange(6))


def _send(scene: WarmScene, producer: KafkaProducer, count: int, partition: int | None = None) -> list[Produced]:
    """Send within the open transaction; where each message stands."""
    sent = []
    for told in scene.teller.tell(count):
        wanted = scene.chance.randrange(scene.partitions) if partition is None else partition
        sent.append((told, producer.send(scene.topic, told.value, key=b"", partition=wanted)))
    producer.flush()
    placed = [(told, future.get(30)) for told, future in sent]
    return [Produced(found.partition, found.offset, b"", told.value, told.reason) for told, found in placed]
