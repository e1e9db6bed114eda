"""Kafka: whether it answers, its topics are as their contracts say, and no message comes from the future."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from trendscript.doctor.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from trendscript.contracts import Contract
    from trendscript.doctor.surroundings import Surroundings

_DAY = 86_400_000  # milliseconds
_CONFIGS = ("cleanup.policy", "retention.ms", "retention.bytes", "max.message.bytes")
_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as Kafka has it; a setting that may not be read is left out of `configs`."""

    partitions: int
    configs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a topic is not as its contract says. `grave`: messages are lost or refused."""

    grave: bool
    found: str
    setting: str = ""

    def mend(self, topic: str) -> str:
        """A command for it, where there is one."""
        if not self.setting:
            return ""
        command = "kafka-configs.sh --bootstrap-server … --alter --entity-type topics"
        return f"{command} --entity-name {topic} --add-config {self.setting}"


def check_kafka(surroundings: Surroundings) -> Finding:
    """The brokers answer. Raises NoServer, BrokerUnreachable or BrokerRefused."""
    from trendscript.kafka.failures import kafka_failures  # noqa: PLC0415  (keeps --help quick)

    with kafka_failures(surroundings.kafka_options, needs="Describe"):
        cluster = surroundings.admin.describe_cluster()
    servers, count = ", ".join(surroundings.kafka_options["bootstrap_servers"]), len(cluster["brokers"])
    brokers = "1 broker" if count == 1 else f"{count} brokers"
    return Finding("ok", f"{brokers} of cluster {cluster['cluster_id']} at {servers}.")


def check_topics(surroundings: Surroundings) -> Finding:
    """Every contract's topic is there as the contract says; topics without a contract are not looked at."""
    contracts = surroundings.contracts
    topics = read_topics(surroundings)
    missing = sorted(contracts.keys() - topics.keys())
    if missing:
        return Finding("broken", f"Missing: {', '.join(missing)}.", "Run `trendscript migrate`, which creates them.")
    return judge_topics({name: to_differences(contracts[name], topic) for name, topic in topics.items()})


def check_message_times(surroundings: Surroundings) -> Finding:
    """No message bears a time that is still to come: a producer's clock, or this machine's, would be wrong.

    Kafka tells nobody its own time; the newest message of each partition is what there is to go by.
    """
    from kafka import TopicPartition  # noqa: PLC0415  (keeps --help quick)
    from kafka.admin import OffsetSpec  # noqa: PLC0415  (as above)

    from trendscript.kafka.failures import kafka_failures  # noqa: PLC0415  (as above)

    topics = read_topics(surroundings)
    asked = {
        TopicPartition(name, p): OffsetSpec.MAX_TIMESTAMP for name, t in topics.items() for p in range(t.partitions)
    }
    with kafka_failures(surroundings.kafka_options, needs="Describe"):
        answers = surroundings.admin.list_partition_offsets(asked) if asked else {}
    newest = {place.topic: answer.timestamp for place, answer in sorted(answers.items(), key=lambda a: a[1].timestamp)}
    ahead = {
        topic: datetime.fromtimestamp(milliseconds / 1000, UTC) - datetime.now(UTC)
        for topic, milliseconds in newest.items()
    }
    late = {topic: by for topic, by in ahead.items() if by > surroundings.thresholds.skew}
    if late:
        topic, by = max(late.items(), key=lambda found: found[1])
        return Finding(
            "warning",
            f"The newest message of {topic} bears a time {by.total_seconds():,.0f} s ahead of this machine's clock.",
            "Let all machines keep time by NTP.",
        )
    return Finding("ok", "No message is from the future.")


def read_topics(surroundings: Surroundings) -> dict[str, Topic]:
    """The contracts' topics that there are, by name."""
    from kafka.admin import ConfigResource, ConfigResourceType  # noqa: PLC0415  (keeps --help quick)

    from trendscript.kafka import TopicMissing  # noqa: PLC0415  (as above)
    from trendscript.kafka.failures import check_described, kafka_failures  # noqa: PLC0415  (as above)

    partitions: dict[str, int] = {}
    with kafka_failures(surroundings.kafka_options, needs="Describe"):
        for description in surroundings.admin.describe_topics(list(surroundings.contracts)):
            try:
                check_described(description)
            except TopicMissing:
                continue
            partitions[description["name"]] = len(description["partitions"])
        asked = [ConfigResource(ConfigResourceType.TOPIC, name, list(_CONFIGS)) for name in partitions]
        configs = surroundings.admin.describe_configs(asked, config_filter="all").get("topic", {}) if asked else {}
    return {name: Topic(count, _values(configs.get(name, {}))) for name, count in partitions.items()}


def _values(configs: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {name: str(config["value"]) for name, config in configs.items() if config.get("value") is not None}


def to_differences(contract: Contract, topic: Topic) -> list[Difference]:
    """Where a topic differs from its contract to somebody's harm: longer retention and larger messages are fine."""
    return [*_of_partitions(contract, topic), *_of_retention(contract, topic), *_of_size(contract, topic)]


def _of_partitions(contract: Contract, topic: Topic) -> Iterable[Difference]:
    if topic.partitions != contract.partitions:
        yield Difference(grave=False, found=f"{topic.partitions} partitions instead of {contract.partitions}")


def _of_retention(contract: Contract, topic: Topic) -> Iterable[Difference]:
    policy = topic.configs.get("cleanup.policy", "delete")
    if policy != "delete":
        yield Difference(grave=True, found=f"messages leave by key ({policy})", setting="cleanup.policy=delete")
    kept, wanted = int(topic.configs.get("retention.ms", -1)), contract.retention_days * _DAY
    if 0 <= kept < wanted:
        found = f"messages leave after {kept / _DAY:.1f} days instead of {contract.retention_days}"
        yield Difference(grave=False, found=found, setting=f"retention.ms={wanted}")
    if int(topic.configs.get("retention.bytes", -1)) >= 0:
        size = int(topic.configs["retention.bytes"])
        yield Difference(grave=False, found=f"messages leave past {size:,} bytes", setting="retention.bytes=-1")


def _of_size(contract: Contract, topic: Topic) -> Iterable[Difference]:
    largest = int(topic.configs.get("max.message.bytes", contract.max_message_bytes))
    if largest < contract.max_message_bytes:
        yield Difference(
            grave=True,
            found=f"messages past {largest:,} bytes are refused, and {contract.max_message_bytes:,} are allowed",
            setting=f"max.message.bytes={contract.max_message_bytes}",
        )


def judge_topics(differences: Mapping[str, Iterable[Difference]]) -> Finding:
    """One finding on all topics, the grave differences first, with a command for the first that has one."""
    listed = [(topic, found) for topic, of_topic in sorted(differences.items()) for found in of_topic]
    listed.sort(key=lambda one: not one[1].grave)
    if not listed:
        return Finding("ok", f"{len(differences)} of {len(differences)} topics are as their contracts say.")
    words = [f"{topic}: {difference.found}" for topic, difference in listed]
    more = f"; and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    mend = next((command for topic, found in listed if (command := found.mend(topic))), "")
    return Finding(
        "broken" if listed[0][1].grave else "warning",
        f"{'; '.join(words[:_SHOWN])}{more}.",
        mend and f"Mend each as in: {mend}",
    )
