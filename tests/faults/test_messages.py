"""What is on the topic is odd: nothing, one key a thousand times, broken bytes, more of it while a load runs."""

from __future__ import annotations

import random
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient, NewPartitions

from spark_jobs.replay import Asked, replay_topic
from tests.builders import read_versions
from tests.faults.messages import BROKEN, SPOILS, Teller, Told, encode
from tests.faults.orders import Order

if TYPE_CHECKING:
    from spark_jobs.batch import BatchSource
    from tests.faults.scene import WarmScene


@pytest.mark.case("12")
def test_messages_come_while_a_load_runs(scene: WarmScene) -> None:
    """A load reads up to the ends that it saw, though its range is read twice; what came later is the next load's."""
    scene.tell(100)
    ends = scene.state().end
    scene.order(Order("after_bronze" if scene.bronze else "after_plan", "hold"))
    with scene.loading() as running:
        scene.faults.wait(alive=lambda: not running.done())
        scene.tell(80)
        scene.order(Order("before_commit", "kill", (1,), scene.chance.randrange(scene.partitions)))
        running.result()
    loaded = scene.query("select partition, until_offset from pipeline.batch_range order by partition")
    assert dict(loaded) == ends

    scene.recover()
    scene.judge()


@pytest.mark.case("19")
def test_nothing_is_there_to_load(scene: WarmScene) -> None:
    """An empty topic, and one that was loaded to its end: no batch is planned and no row is touched."""
    assert scene.load().batches == ()
    scene.tell(60)
    scene.load()
    before = read_versions(scene.dsn, scene.contract)

    assert scene.load().batches == ()

    assert read_versions(scene.dsn, scene.contract) == before
    scene.judge()


@pytest.mark.case("20")
def test_one_key_a_thousand_times(scene: WarmScene) -> None:
    """Versions of one video in any order, over partitions and batches: the newest stands, and no statement fails."""
    told = Teller(scene.chance, videos=1, instants=400).tell(1000)
    scene.publish(told)
    for _ in range(2):
        scene.load(max_messages=scene.chance.choice([350, 700, 500_000]))
    scene.judge()


@pytest.mark.case("20")
def test_equal_versions_end_the_same_in_any_order(scene: WarmScene) -> None:
    """Messages that disagree at one time, loaded in an order of their own into two topics' worth of partitions."""
    told = Teller(scene.chance, videos=3, instants=2).tell(150)
    for part in (told, random.Random(scene.chance.random()).sample(told, len(told))):  # noqa: S311  (no secret)
        scene.publish(part)
        scene.load(max_messages=scene.chance.choice([40, 500_000]))
    scene.judge()


@pytest.mark.case("21")
def test_a_replay_of_everything_writes_nothing(scene: WarmScene) -> None:
    """Loaded again from offset 0, every row stands where it stood, in the version it had."""
    scene.tell(200)
    scene.load(max_messages=scene.chance.choice([70, 500_000]))
    before = read_versions(scene.dsn, scene.contract)
    source: BatchSource = "lake" if scene.bronze else "kafka"

    report = replay_topic(scene.job, scene.contract, Asked(source=source))

    assert report.messages.read == len(scene.log)
    assert read_versions(scene.dsn, scene.contract) == before
    scene.judge()


@pytest.mark.case("21, 4")
def test_a_replay_is_killed_and_finished_by_a_load(scene: WarmScene) -> None:
    """A worker dies at every attempt at the replay; the load that follows finishes it, and nothing moved."""
    scene.tell(120)
    scene.load()
    before = read_versions(scene.dsn, scene.contract)
    point = scene.chance.choice(["after_copy", "in_merge", "before_commit"])
    scene.order(Order(point, "kill", (1, 2, 3, 4), scene.chance.randrange(scene.partitions)))
    with pytest.raises(Exception, match="stays planned"):
        replay_topic(scene.job, scene.contract, Asked())

    scene.recover()

    assert read_versions(scene.dsn, scene.contract) == before
    assert scene.query("select kind, state from pipeline.batch order by batch_id") == [
        ("load", "committed"),
        ("replay", "committed"),
    ]
    scene.judge()


@pytest.mark.case("22")
def test_every_kind_of_broken_message(scene: WarmScene) -> None:
    """Each is kept byte for byte with its reason, and its neighbours load."""
    teller = Teller(scene.chance)
    spoilt = [teller.spoil(reason) for reason in SPOILS]
    large = Told(encode({"description": "x" * 7_000_000}), "missing:region_code")
    told = [*BROKEN, *spoilt, large, *Teller(scene.chance).tell(60)]
    scene.chance.shuffle(told)
    scene.publish(told)
    scene.load()
    scene.judge()


@pytest.mark.case("16")
def test_a_partition_is_added_between_loads(scene: WarmScene, kafka_admin: KafkaAdminClient) -> None:
    """It is read from its beginning."""
    scene.tell(60)
    scene.load()
    _add_partition(scene, kafka_admin)
    scene.recover()
    scene.judge()


@pytest.mark.case("16")
def test_a_partition_is_added_between_plan_and_resume(scene: WarmScene, kafka_admin: KafkaAdminClient) -> None:
    """The planned batch is finished as it was planned; the new partition is the next one's."""
    scene.tell(60)
    scene.order(Order("after_copy", "kill", (1, 2, 3, 4), scene.chance.randrange(scene.partitions)))
    assert scene.try_load() is not None
    _add_partition(scene, kafka_admin)
    scene.recover()
    assert scene.query("select count(*) from pipeline.batch") == [(2,)]
    scene.judge()


def _add_partition(scene: WarmScene, admin: KafkaAdminClient) -> None:
    scene.fault_now()
    scene.partitions += 1
    admin.create_partitions({scene.topic: NewPartitions(scene.partitions)})
    # A producer of its own: one that knows the topic asks for its partitions again only after minutes.
    with closing(KafkaProducer(bootstrap_servers=scene.bootstrap_servers)) as producer:
        scene.producer, kept = producer, scene.producer
        scene.publish(scene.teller.tell(30), partition=scene.partitions - 1)
        scene.producer = kept
