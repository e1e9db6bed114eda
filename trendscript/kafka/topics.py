"""Topics: contracts go in, topics as the contracts say come out."""

from __future__ import annotations

from contextlib import closing
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from kafka import KafkaAdminClient, errors

from trendscript.kafka.client_properties import client_options
from trendscript.kafka.failures import TopicMissing, check_described, kafka_failures

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from trendscript.contracts import Contract

_MILLISECONDS_A_DAY = 86_400_000


def ensure_topics(
    contracts: Iterable[Contract], *, bootstrap_servers: str, client_properties: Path | None
) -> list[str]:
    """Create the topics that are missing, and return their names.

    A topic that exists is left as it is: partitions added to it would move keys between partitions,
    and its retention may have been chosen by whoever runs the cluster. The replication factor is the broker's default.

    Raises BrokerUnreachable, BrokerRefused or RightMissing.
    """
    options = client_options(bootstrap_servers, client_properties)
    wanted = {contract.topic: to_topic_options(contract) for contract in contracts}
    with kafka_failures(options, needs="Describe"), closing(KafkaAdminClient(**options)) as admin:
        missing = [topic for topic in wanted if topic in _missing_topics(admin, wanted)]
        with kafka_failures(options, needs="Create"):
            created = [topic for topic in missing if _create_topic(admin, topic, wanted[topic])]
        admin.wait_for_topics(created)
        return created


def require_topics(topics: Collection[str], *, options: dict[str, Any]) -> None:
    """Raise TopicMissing unless the cluster has every one of these topics. `options` are `client_options`."""
    with kafka_failures(options, needs="Describe"), closing(KafkaAdminClient(**options)) as admin:
        missing = _missing_topics(admin, topics)
    if missing:
        raise TopicMissing(sorted(missing))


def identify_topic(topic: str, *, options: dict[str, Any]) -> str:
    """A name of this topic that no other has, on this cluster or another, nor the same one made again: 64 hex digits.

    Raises TopicMissing, BrokerUnreachable or BrokerRefused. `options` are `client_options`.
    """
    with kafka_failures(options, needs="Describe"), closing(KafkaAdminClient(**options)) as admin:
        (description,) = admin.describe_topics([topic])
        check_described(description)
        cluster = admin.describe_cluster()["cluster_id"]
    return sha256(f"{cluster}/{description['topic_id']}".encode()).hexdigest()


def to_topic_options(contract: Contract) -> dict[str, Any]:
    """What a contract says of its topic, as the broker's settings. Messages leave by age alone, never by key."""
    return {
        "num_partitions": contract.partitions,
        "configs": {
            "cleanup.policy": "delete",
            "retention.ms": str(contract.retention_days * _MILLISECONDS_A_DAY),
            "max.message.bytes": str(contract.max_message_bytes),
        },
    }


def _missing_topics(admin: KafkaAdminClient, topics: Collection[str]) -> set[str]:
    missing = set()
    for description in admin.describe_topics(list(topics)):
        try:
            check_described(description)
        except TopicMissing:
            missing.add(description["name"])
        except errors.LeaderNotAvailableError:
            continue  # it was created a moment ago
    return missing


def _create_topic(admin: KafkaAdminClient, topic: str, options: dict[str, Any]) -> bool:
    try:
        admin.create_topics({topic: options})
    except errors.TopicAlreadyExistsError:
        return False  # another process created it since we looked
    except errors.TopicAuthorizationFailedError:
        raise errors.TopicAuthorizationFailedError(topic) from None  # the client's own text is the whole request
    return True
