"""What a topic holds: a topic's name goes in, its records come out, read by a consumer of their own."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Mapping


def end_offsets(bootstrap_servers: str, topic: str) -> dict[int, int]:
    """Where each partition of the topic ends now."""
    with closing(_consumer(bootstrap_servers)) as consumer:
        return {partition.partition: end for partition, end in _ends(consumer, topic).items()}


def read_topic(bootstrap_servers: str, topic: str, since: Mapping[int, int] | None = None) -> list[Any]:
    """Records from these offsets (or the beginning) to the end, partition by partition."""
    with closing(_consumer(bootstrap_servers)) as consumer:
        ends = _ends(consumer, topic)
        consumer.assign(list(ends))
        for partition in ends:
            consumer.seek(partition, (since or {}).get(partition.partition, 0))
        records: list[Any] = []
        while any(consumer.position(partition) < end for partition, end in ends.items()):
            records += [record for found in consumer.poll(timeout_ms=500).values() for record in found]
        return sorted(records, key=lambda record: (record.partition, record.offset))


def skip_to_end(bootstrap_servers: str, topic: str, group: str) -> None:
    """Let a new group begin behind all that others have published."""
    with closing(_consumer(bootstrap_servers, group_id=group)) as consumer:
        ends = _ends(consumer, topic)
        consumer.commit({partition: OffsetAndMetadata(end, "", -1) for partition, end in ends.items()})


def _consumer(bootstrap_servers: str, **settings: Any) -> Any:
    return KafkaConsumer(
        bootstrap_servers=bootstrap_servers,
        enable_auto_commit=False,
        max_partition_fetch_bytes=16 * 1024 * 1024,
        **settings,
    )


def _ends(consumer: Any, topic: str) -> dict[Any, int]:
    partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
    found: dict[Any, int] = consumer.end_offsets(partitions)
    return found
