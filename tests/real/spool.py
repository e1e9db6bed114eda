"""A spool: messages go into a file one by one and come out in any order, however many there are."""

from __future__ import annotations

from array import array
from contextlib import closing
from typing import TYPE_CHECKING, Any

from kafka import KafkaConsumer, TopicPartition

from tests.real.warehouse import TOPIC
from trendscript.kafka import Message, publish

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.real.warehouse import Servers


class Spool:
    """Messages of youtube_trending by number, from 0. Their values stay on disk."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b")
        self._keys: list[bytes | None] = []
        self._ends = array("q", [0])

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, key: bytes | None, value: bytes) -> None:
        """Put one message behind the others."""
        self._file.seek(self._ends[-1])
        self._file.write(value)
        self._keys.append(key)
        self._ends.append(self._ends[-1] + len(value))

    def read(self, numbers: Iterable[int]) -> Iterator[Message]:
        """The messages of these numbers, in this order."""
        self._file.flush()
        for number in numbers:
            self._file.seek(self._ends[number])
            value = self._file.read(self._ends[number + 1] - self._ends[number])
            yield Message(TOPIC, self._keys[number], value)

    def publish(self, servers: Servers, numbers: Iterable[int]) -> int:
        """Send the messages of these numbers, in this order; how many were confirmed."""
        return publish(self.read(numbers), bootstrap_servers=servers.bootstrap_servers, client_properties=None)


def read_records(servers: Servers) -> Iterator[Any]:
    """All records of youtube_trending up to the ends found at the start, as they come."""
    consumer = KafkaConsumer(
        bootstrap_servers=servers.bootstrap_servers, enable_auto_commit=False, max_partition_fetch_bytes=4 * 1024 * 1024
    )
    with closing(consumer):
        partitions = [TopicPartition(TOPIC, number) for number in consumer.partitions_for_topic(TOPIC)]
        ends = consumer.end_offsets(partitions)
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        while any(consumer.position(partition) < end for partition, end in ends.items()):
            for records in consumer.poll(timeout_ms=500, max_records=5_000).values():
                yield from records
