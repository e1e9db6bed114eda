"""What Kafka says of a topic: its identity and the offsets it holds."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kafka import IsolationLevel, KafkaAdminClient, KafkaConsumer, TopicPartition, errors
from kafka.admin import OffsetSpec

from trendscript.errors import TryAgainLater
from trendscript.kafka import client_options
from trendscript.kafka.failures import check_described, kafka_failures

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime
    from pathlib import Path

    from spark_jobs.batch import OffsetRange


_SETTLE_SECONDS = 60


class OffsetsUnsettled(TryAgainLater):
    """Raised when the brokers don't tell in time whether offsets hold messages."""

    def __init__(self, topic: str, within: OffsetRange) -> None:
        self.topic, self.within = topic, within
        super().__init__(f"{topic}: the brokers did not tell within a minute whether messages stand in {within}.")


@dataclass(frozen=True, slots=True)
class TopicIdentity:
    """Which topic this is: the cluster's id and the id Kafka gave the topic when it was created (KIP-516)."""

    topic: str
    cluster_id: str
    topic_id: str


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic at one moment: by partition, the earliest offset held and the one after the last visible."""

    identity: TopicIdentity
    earliest: dict[int, int]
    end: dict[int, int]


def read_topic_state(topic: str, bootstrap_servers: str, client_properties: Path | None) -> TopicState:
    """Ask the brokers. End offsets are resolved as `read_committed` readers see them: the last stable offset.

    Raises TopicMissing, BrokerUnreachable or BrokerRefused.
    """
    options = client_options(bootstrap_servers, client_properties)
    with kafka_failures(options, needs="Describe"), closing(KafkaAdminClient(**options)) as admin:
        identity, partitions = _describe(admin, topic)
        earliest = _offsets(admin, topic, partitions, OffsetSpec.EARLIEST)
        return TopicState(identity, earliest, _offsets(admin, topic, partitions, OffsetSpec.LATEST))


def read_topic_states(
    topics: Collection[str], bootstrap_servers: str, client_properties: Path | None
) -> dict[str, TopicState]:
    """The same of many topics at once; those that the brokers don't have are left out.

    Raises BrokerUnreachable or BrokerRefused.
    """
    options = client_options(bootstrap_servers, client_properties)
    with kafka_failures(options, needs="Describe"), closing(KafkaAdminClient(**options)) as admin:
        cluster = admin.describe_cluster()["cluster_id"]
        described = [found for found in admin.describe_topics(list(topics)) if _is_there(found)]
        places = [
            TopicPartition(found["name"], part["partition_index"])
            for found in described
            for part in found["partitions"]
        ]
        earliest = _offsets_of(admin, places, OffsetSpec.EARLIEST)
        end = _offsets_of(admin, places, OffsetSpec.LATEST)
    return {
        found["name"]: TopicState(
            TopicIdentity(found["name"], cluster, str(found["topic_id"])),
            {place.partition: earliest[place] for place in places if place.topic == found["name"]},
            {place.partition: end[place] for place in places if place.topic == found["name"]},
        )
        for found in described
    }


def read_topic_identity(topic: str, bootstrap_servers: str, client_properties: Path | None) -> TopicIdentity:
    """Ask the brokers which topic goes by this name now. Raises as `read_topic_state`."""
    options = client_options(bootstrap_servers, client_properties)
    with kafka_failures(options, needs="Describe"), closing(KafkaAdminClient(**options)) as admin:
        return _describe(admin, topic)[0]


def find_offsets_since(
    state: TopicState, since: datetime, bootstrap_servers: str, client_properties: Path | None
) -> dict[int, int]:
    """By partition, the first offset whose message bears this time or a later one; partitions without one are left out.

    Raises as `read_topic_state`.
    """
    options = client_options(bootstrap_servers, client_properties)
    milliseconds = int(since.timestamp() * 1000)
    asked = {TopicPartition(state.identity.topic, partition): milliseconds for partition in state.end}
    with kafka_failures(options, needs="Describe"), closing(KafkaAdminClient(**options)) as admin:
        answers = admin.list_partition_offsets(asked, IsolationLevel.READ_COMMITTED)
    return {partition.partition: answer.offset for partition, answer in answers.items() if answer.offset >= 0}


def has_visible_message(
    topic: str, within: OffsetRange, bootstrap_servers: str, client_properties: Path | None
) -> bool:
    """Whether a `read_committed` reader finds a message in the range; transaction markers are none.

    Raises OffsetsUnsettled when the brokers don't answer within a minute, BrokerUnreachable or BrokerRefused.
    """
    options = client_options(bootstrap_servers, client_properties)
    partition = TopicPartition(topic, within.partition)
    deadline = time.monotonic() + _SETTLE_SECONDS
    with kafka_failures(options, needs="Read"), closing(_reader(options)) as consumer:
        consumer.assign([partition])
        consumer.seek(partition, within.from_offset)
        while consumer.position(partition) < within.until_offset:
            found = consumer.poll(timeout_ms=500, max_records=1).get(partition, [])
            if found:
                return bool(found[0].offset < within.until_offset)
            if time.monotonic() > deadline:
                raise OffsetsUnsettled(topic, within)
    return False


def _reader(options: dict[str, Any]) -> KafkaConsumer:
    return KafkaConsumer(
        **options, isolation_level="read_committed", enable_auto_commit=False, auto_offset_reset="none"
    )


def _is_there(description: dict[str, Any]) -> bool:
    """Whether the brokers have a topic; one that they don't tell this user about is no topic that isn't there."""
    if description["error_code"] == errors.TopicAuthorizationFailedError.errno:
        check_described(description)
    return not description["error_code"]


def _describe(admin: KafkaAdminClient, topic: str) -> tuple[TopicIdentity, list[int]]:
    (description,) = admin.describe_topics([topic])
    check_described(description)
    cluster = admin.describe_cluster()["cluster_id"]
    partitions = sorted(partition["partition_index"] for partition in description["partitions"])
    return TopicIdentity(topic, cluster, str(description["topic_id"])), partitions


def _offsets(admin: KafkaAdminClient, topic: str, partitions: list[int], spec: OffsetSpec) -> dict[int, int]:
    places = [TopicPartition(topic, partition) for partition in partitions]
    return {place.partition: offset for place, offset in _offsets_of(admin, places, spec).items()}


def _offsets_of(admin: KafkaAdminClient, places: list[TopicPartition], spec: OffsetSpec) -> dict[TopicPartition, int]:
    if not places:
        return {}
    answers = admin.list_partition_offsets(dict.fromkeys(places, spec), IsolationLevel.READ_COMMITTED)
    return {place: answer.offset for place, answer in answers.items()}
