"""Publishing against a real broker: everything delivered, or a fact that says what is not."""

from __future__ import annotations

import random
import socket
import time
from typing import TYPE_CHECKING

import pytest
from kafka.partitioner.default import murmur2

from tests.kafka.reading import read_topic
from trendscript.kafka import BrokerUnreachable, Message, MessageTooLarge, Publisher, TopicMissing, publish

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kafka.admin import KafkaAdminClient

    from tests.conftest import MakeTopic, Stack

LARGE = {"max.message.bytes": str(8 * 1024 * 1024)}


def _publish(stack: Stack, messages: list[Message]) -> int:
    return publish(messages, bootstrap_servers=stack.bootstrap_servers, client_properties=None)


def test_every_message_arrives_once_with_key_value_and_headers(stack: Stack, make_topic: MakeTopic) -> None:
    """What is handed over comes out of the topic byte for byte, tombstones and headers too."""
    topic = make_topic()
    sent = [
        Message(topic, b"k1", b'{"a":1}', (("trace", b"\x00\xff"),)),
        Message(topic, b"k2", None),
        Message(topic, None, "é\U0001f600".encode()),
    ]
    assert _publish(stack, sent) == 3
    found = [(r.key, r.value, tuple(r.headers)) for r in read_topic(stack.bootstrap_servers, topic)]
    assert found == [(m.key, m.value, m.headers) for m in sent]


def test_messages_of_one_key_keep_their_order_over_many_batches(stack: Stack, make_topic: MakeTopic) -> None:
    """Ten thousand messages over four partitions arrive, each key's in the order they were sent."""
    topic = make_topic(partitions=4)
    sent = [Message(topic, b"key-%d" % (n % 50), b"%d" % n) for n in range(10_000)]
    assert _publish(stack, sent) == 10_000
    by_key: dict[bytes, list[int]] = {}
    for record in read_topic(stack.bootstrap_servers, topic):
        by_key.setdefault(record.key, []).append(int(record.value))
    assert sorted(n for numbers in by_key.values() for n in numbers) == list(range(10_000))
    assert all(numbers == sorted(numbers) for numbers in by_key.values())


def test_a_key_is_in_the_partition_where_other_clients_put_it(stack: Stack, make_topic: MakeTopic) -> None:
    """What a Java client or kafka-python published before stays beside it."""
    topic = make_topic(partitions=4)
    keys = [b"key-%d" % number for number in range(100)]
    _publish(stack, [Message(topic, key, b"") for key in keys])
    found = {record.key: record.partition for record in read_topic(stack.bootstrap_servers, topic)}
    assert found == {key: (murmur2(key) & 0x7FFFFFFF) % 4 for key in keys}


def test_a_topic_that_is_deleted_meanwhile_is_named(
    stack: Stack, make_topic: MakeTopic, kafka_admin: KafkaAdminClient
) -> None:
    """It isn't made anew in passing."""
    topic = make_topic()

    def messages() -> Iterator[Message]:
        yield Message(topic, b"k", b"1")
        kafka_admin.delete_topics([topic])
        while True:
            time.sleep(0.001)
            yield Message(topic, b"k", b"2")

    with pytest.raises(TopicMissing, match=topic):
        publish(messages(), bootstrap_servers=stack.bootstrap_servers, client_properties=None)
    with pytest.raises(TopicMissing):
        _publish(stack, [Message(topic, b"k", b"3")])


def test_five_megabytes_pass(stack: Stack, make_topic: MakeTopic) -> None:
    """A message of 5 MB arrives whole."""
    topic = make_topic(configs=LARGE)
    assert _publish(stack, [Message(topic, b"big", b"x" * 5_000_000)]) == 1
    assert [len(record.value) for record in read_topic(stack.bootstrap_servers, topic)] == [5_000_000]


def test_twenty_megabytes_are_refused_and_those_before_are_delivered(stack: Stack, make_topic: MakeTopic) -> None:
    """A 20 MB message is refused with its key and size; what was sent before it is in the topic."""
    topic = make_topic(configs=LARGE)
    with pytest.raises(MessageTooLarge, match=r"big.*20,000,003 bytes") as refusal:
        _publish(stack, [Message(topic, b"a", b"1"), Message(topic, b"big", b"x" * 20_000_000)])
    assert refusal.value.exit_code == 65
    assert [record.key for record in read_topic(stack.bootstrap_servers, topic)] == [b"a"]


def test_a_topic_with_a_smaller_limit_refuses_by_itself(stack: Stack, make_topic: MakeTopic) -> None:
    """Where the broker's limit is lower than ours, its refusal is the same fact, and small neighbours arrive."""
    topic = make_topic(configs={"max.message.bytes": "2000"})
    sent = [Message(topic, key, _noise(900)) for key in (b"a", b"b", b"c")]
    assert _publish(stack, sent) == 3
    with pytest.raises(MessageTooLarge, match="'d'"):
        _publish(stack, [Message(topic, b"d", _noise(3000))])


def test_messages_that_are_alike_take_little_room(stack: Stack, make_topic: MakeTopic) -> None:
    """They are packed on the way and in the broker's files, and come out as they were."""
    topic = make_topic()
    sent = [Message(topic, b"%d" % number, _noise(2_000) + b"%d" % number) for number in range(500)]
    _publish(stack, sent)
    kept = sum(file.stat().st_size for file in (stack.home / "kafka" / "data" / f"{topic}-0").glob("*.log"))
    assert 0 < kept < sum(message.size() for message in sent) / 20
    assert [record.value for record in read_topic(stack.bootstrap_servers, topic)] == [one.value for one in sent]


def _noise(size: int) -> bytes:
    """Bytes that can't be packed, the same each time."""
    return random.Random(0).randbytes(size)  # noqa: S311  (nothing secret)


def test_what_was_in_a_batch_with_a_message_too_large_arrives_as_it_was(stack: Stack, make_topic: MakeTopic) -> None:
    """Key, value and headers, also of those behind it, though the refusal is met when nothing more is to be sent."""
    topic = make_topic(configs={"max.message.bytes": "2000"})
    sent = [Message(topic, b"%d" % number, b"v" * 100, (("trace", b"%d" % number),)) for number in range(4)]
    large = Message(topic, b"large", _noise(3000))
    with pytest.raises(MessageTooLarge, match="'large'"):
        _publish(stack, [sent[0], large, *sent[1:]])
    found = [(r.key, r.value, tuple(r.headers)) for r in read_topic(stack.bootstrap_servers, topic)]
    assert found == [(m.key, m.value, m.headers) for m in sent]


def test_a_missing_topic_is_named_with_the_command_that_creates_it(stack: Stack) -> None:
    """No topic is created in passing; the sentence says what to run."""
    with pytest.raises(TopicMissing, match=r"no_such_topic does not exist.*trendscript migrate") as missing:
        _publish(stack, [Message("no_such_topic", b"k", b"v")])
    assert missing.value.exit_code == 78


def test_an_input_that_fails_midway_leaves_what_came_before_it_delivered(stack: Stack, make_topic: MakeTopic) -> None:
    """The input's own exception comes through, after its earlier messages are confirmed."""
    topic = make_topic()

    def messages() -> Iterator[Message]:
        yield Message(topic, b"k", b"1")
        raise ValueError("row 2")

    with pytest.raises(ValueError, match="row 2"):
        publish(messages(), bootstrap_servers=stack.bootstrap_servers, client_properties=None)
    assert [record.value for record in read_topic(stack.bootstrap_servers, topic)] == [b"1"]


def test_progress_counts_confirmed_messages_and_ends_with_all(stack: Stack, make_topic: MakeTopic) -> None:
    """The numbers told grow and end with the number of messages."""
    topic = make_topic()
    told: list[int] = []
    with Publisher(
        bootstrap_servers=stack.bootstrap_servers, client_properties=None, on_progress=told.append
    ) as publisher:
        for n in range(2_500):
            publisher.send(Message(topic, b"k", b"%d" % n))
    assert told == sorted(told)
    assert told[-1] == 2_500


def test_an_unreachable_broker_is_named() -> None:
    """Nothing listens at the address: one sentence with address, cause and what to do, and exit code 69."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    began = time.monotonic()
    with pytest.raises(BrokerUnreachable, match=rf"{address}.*REFUSED.*trendscript up") as unreachable:
        publish([Message("t", b"k", b"v")], bootstrap_servers=address, client_properties=None)
    assert unreachable.value.exit_code == 69
    assert time.monotonic() - began < 30
