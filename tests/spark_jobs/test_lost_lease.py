"""A load or replay that lost its topic to another runner: real Kafka and ledger; it ends before it would need Spark."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from kafka import KafkaProducer

from spark_jobs.batch import OffsetRange
from spark_jobs.job import LoadJob
from spark_jobs.lease import LeaseLost, TopicTaken
from spark_jobs.load import load_topic
from spark_jobs.replay import Asked, replay_topic
from tests.builders import a_chart_message, query, to_bytes
from tests.spark_jobs.intruder import Intruder
from tests.spark_jobs.quarantined import CHARTS, as_writer, load_values

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from tests.conftest import MakeTopic, Stack
    from trendscript.contracts import Contract

GOOD = to_bytes(a_chart_message())
ALIVE = cast("SparkSession", SimpleNamespace(sparkContext=SimpleNamespace(defaultParallelism=1)))


@pytest.fixture
def contract(make_topic: MakeTopic) -> Contract:
    """The charts' contract over a fresh topic of one partition."""
    return replace(CHARTS, topic=make_topic("charts"))


@pytest.fixture
def job(stack: Stack, database: str, contract: Contract) -> LoadJob:
    """A job whose topic holds four messages, of which three are loaded."""
    with closing(KafkaProducer(bootstrap_servers=stack.bootstrap_servers)) as producer:
        for _ in range(4):
            producer.send(contract.topic, GOOD).get(30)
    found = LoadJob(
        dsn=as_writer(database),
        bootstrap_servers=stack.bootstrap_servers,
        client_properties=None,
        max_messages=1000,
        retry_seconds=0.01,
        spark=ALIVE,
        lake=None,
    )
    identity = found.topic_state(contract.topic).identity
    load_values(database, contract, [GOOD] * 3, topic_id=identity.topic_id)
    query(database, "update pipeline.topic set cluster_id = %s", [identity.cluster_id])
    return found


@pytest.mark.parametrize("ends_lease", [True, False])
def test_a_replay_leaves_another_runners_batch_alone(
    database: str, contract: Contract, job: LoadJob, *, ends_lease: bool
) -> None:
    """Who has the topic when a passing fault is over goes on undisturbed, and is not taken for this replay."""
    with (
        Intruder(database, OffsetRange(0, 3, 4), topic=contract.topic, ends_lease=ends_lease) as intruder,
        pytest.raises(LeaseLost if ends_lease else TopicTaken),
    ):
        # The first plan looks for what was left unfinished.
        replay_topic(replace(job, on_step=intruder.at("plan", time=2)), contract, Asked())
    assert intruder.planned() == "planned"


def test_a_load_that_lost_its_lease_leaves_another_runners_batch_alone(
    database: str, contract: Contract, job: LoadJob
) -> None:
    """It would end that one's attempts, and do its work a second time."""
    with (
        Intruder(database, OffsetRange(0, 0, 3), kind="replay", topic=contract.topic) as intruder,
        pytest.raises(LeaseLost),
    ):
        load_topic(replace(job, on_step=intruder.at("plan")), contract)
    assert intruder.planned() == "planned"
