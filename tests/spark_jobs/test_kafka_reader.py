"""Reading a range: exactly its offsets come, whatever stands in it and around it; what can't be read is said."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from kafka import KafkaProducer, TopicPartition

from spark_jobs import kafka_reader
from spark_jobs.batch import OffsetRange
from spark_jobs.failures import ReadingCutOff
from spark_jobs.kafka_reader import read_range
from spark_jobs.raw_messages import RAW_SCHEMA
from trendscript.kafka import librdkafka_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kafka import KafkaAdminClient

    from tests.conftest import MakeTopic, Stack

NOBODY = "127.0.0.1:9"


class _KeyOfBytes(str):
    """A header's key that is sent as these bytes, which no string is encoded to."""

    __slots__ = ()

    def encode(self, *_: Any, **__: Any) -> bytes:
        return b"\xff\xfe"


def _read(stack: Stack, topic: str, begin: int, until: int, **options: Any) -> list[pa.RecordBatch]:
    connection = librdkafka_options(stack.bootstrap_servers, None)
    return list(read_range(topic, OffsetRange(0, begin, until), connection, **options))


def _offsets(batches: Sequence[pa.RecordBatch]) -> list[int]:
    return [offset for batch in batches for offset in batch.column("offset").to_pylist()]


def _send(stack: Stack, topic: str, *values: bytes | None, **fields: Any) -> None:
    with closing(KafkaProducer(bootstrap_servers=stack.bootstrap_servers, max_request_size=2**24)) as producer:
        for value in values:
            producer.send(topic, value, **{"key": b"key", **fields})
        producer.flush()


def test_a_message_comes_with_all_that_kafka_holds_of_it(stack: Stack, make_topic: MakeTopic) -> None:
    """Key, value, time and headers, byte for byte; what a message lacks is NULL."""
    topic = make_topic()
    _send(stack, topic, b"\x00\xff", timestamp_ms=1_700_000_000_123, headers=[("a", b"\xff"), ("ü", b"")])
    _send(stack, topic, None, timestamp_ms=1_700_000_000_124)
    _send(stack, topic, b"", key=None, timestamp_ms=1_700_000_000_125)

    (batch,) = _read(stack, topic, 0, 3)

    assert batch.schema == RAW_SCHEMA
    assert batch.set_column(2, "timestamp", batch.column("timestamp").cast(pa.int64())).to_pylist() == [
        {"partition": 0, "offset": 0, "timestamp": 1_700_000_000_123_000, "key": b"key", "value": b"\x00\xff",
         "headers": [{"key": "a", "value": b"\xff"}, {"key": "ü", "value": b""}]},
        {"partition": 0, "offset": 1, "timestamp": 1_700_000_000_124_000, "key": b"key", "value": None,
         "headers": None},
        {"partition": 0, "offset": 2, "timestamp": 1_700_000_000_125_000, "key": None, "value": b"", "headers": None},
    ]  # fmt: skip


@pytest.mark.parametrize(("begin", "until"), [(0, 1), (3, 7), (9, 10), (0, 10)])
def test_exactly_the_range_is_read(stack: Stack, make_topic: MakeTopic, begin: int, until: int) -> None:
    """Messages before and behind it stay where they are."""
    topic = make_topic()
    _send(stack, topic, *[b"%d" % number for number in range(12)])
    assert _offsets(_read(stack, topic, begin, until)) == list(range(begin, until))


def _fill_with_transactions(stack: Stack, topic: str, *commits: bool) -> None:
    """A message and its marker for each."""
    with closing(
        KafkaProducer(bootstrap_servers=stack.bootstrap_servers, transactional_id=topic, acks="all")
    ) as producer:
        producer.init_transactions()
        for commit in commits:
            producer.begin_transaction()
            producer.send(topic, b"one")
            producer.flush()
            _ = producer.commit_transaction() if commit else producer.abort_transaction()


def test_transactions_are_seen_once_they_are_committed(stack: Stack, make_topic: MakeTopic) -> None:
    """Aborted messages and markers are no messages; a range that ends in them, or holds nothing else, ends."""
    topic = make_topic()
    _fill_with_transactions(stack, topic, True, False, False)  # noqa: FBT003  (commits, in their order)

    # 0 is committed, 1 its marker, 2 and 4 are aborted, 3 and 5 the markers.
    assert _offsets(_read(stack, topic, 0, 6)) == [0]
    assert _offsets(_read(stack, topic, 0, 2)) == [0]
    assert _offsets(_read(stack, topic, 1, 4)) == []
    assert _offsets(_read(stack, topic, 5, 6)) == []
    _send(stack, topic, b"behind")
    assert _offsets(_read(stack, topic, 1, 6)) == []


def test_what_comes_with_the_end_of_a_partition_is_not_of_the_range(stack: Stack, make_topic: MakeTopic) -> None:
    """Where offsets are missing, one poll may bring the range, messages behind it and the end of the partition."""
    topic = make_topic()
    _fill_with_transactions(stack, topic, True, False, False)  # noqa: FBT003  (commits, in their order)
    _send(stack, topic, b"behind", b"behind")
    options = librdkafka_options(stack.bootstrap_servers, None)
    with closing(kafka_reader._RangeReader(topic, OffsetRange(0, 0, 6), options, 10.0)) as reader:  # noqa: SLF001
        time.sleep(2)  # so that all is there when the first poll asks
        assert [message.offset() for messages in reader.polls() for message in messages] == [0]


def test_a_slow_taker_is_not_taken_for_silent_brokers(stack: Stack, make_topic: MakeTopic) -> None:
    """What is read may wait for PostgreSQL longer than brokers may be silent."""
    topic = make_topic()
    _send(stack, topic, *[b"x" * 1_000_000] * 40)
    connection = librdkafka_options(stack.bootstrap_servers, None)
    found = []
    for batch in read_range(topic, OffsetRange(0, 0, 40), connection, silent_seconds=1):
        time.sleep(1.5)
        found += batch.column("offset").to_pylist()
    assert found == list(range(40))


def test_offsets_that_kafka_has_deleted_are_no_reason_to_go_on_elsewhere(
    stack: Stack, make_topic: MakeTopic, kafka_admin: KafkaAdminClient
) -> None:
    """Nor are those that it has not reached yet."""
    topic = make_topic()
    _send(stack, topic, *[b"x"] * 6)
    kafka_admin.delete_records({TopicPartition(topic, 0): 3})
    with pytest.raises(ReadingCutOff, match=r"offset 2: .*[Oo]ut of range"):
        _read(stack, topic, 2, 6)
    assert _offsets(_read(stack, topic, 3, 6)) == [3, 4, 5]
    with pytest.raises(ReadingCutOff, match="offset 6: "):
        _read(stack, topic, 3, 9)
    with pytest.raises(ReadingCutOff, match="offset 20: "):
        _read(stack, topic, 20, 21)


def test_a_topic_that_is_gone_is_told_within_seconds(stack: Stack) -> None:
    """It was there when the batch was planned; the next plan finds out what became of it."""
    begun = time.monotonic()
    with pytest.raises(ReadingCutOff, match=r"[Uu]nknown topic"):
        _read(stack, "never-made", 0, 1)
    assert time.monotonic() - begun < 30


def test_brokers_that_do_not_answer_are_waited_for_and_then_told() -> None:
    """What the client said last is the reason."""
    wanted = OffsetRange(2, 5, 6)
    with pytest.raises(ReadingCutOff, match=r"offset 5: .*127\.0\.0\.1:9.*; the range was rolled back"):
        list(read_range("any", wanted, librdkafka_options(NOBODY, None), silent_seconds=1))


def test_large_messages_come_in_small_batches(
    stack: Stack, make_topic: MakeTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded by bytes as well as by their number, and a message past every limit still comes."""
    topic = make_topic(configs={"max.message.bytes": "12000000"})
    _send(stack, topic, *[bytes([number]) * 6_000_000 for number in range(6)])
    batches = _read(stack, topic, 0, 6)
    assert _offsets(batches) == list(range(6))
    values = [value for batch in batches for value in batch.column("value").to_pylist()]
    assert values == [bytes([number]) * 6_000_000 for number in range(6)]

    small = make_topic()
    _send(stack, small, *[b"x"] * 2_500)
    monkeypatch.setattr(kafka_reader, "_BATCH_MESSAGES", 1_000)
    batches = _read(stack, small, 0, 2_500)
    assert len(batches) > 1
    assert max(batch.num_rows for batch in batches) < 2_000
    assert _offsets(batches) == list(range(2_500))


def test_a_header_whose_key_is_no_text_does_not_hold_up_the_rest(stack: Stack, make_topic: MakeTopic) -> None:
    """The client can't give it; the message comes without its headers."""
    topic = make_topic()
    _send(stack, topic, b"odd", headers=[(_KeyOfBytes("k"), b"1")])
    _send(stack, topic, b"plain", headers=[("k", b"2")])
    (batch,) = _read(stack, topic, 0, 2)
    assert batch.column("value").to_pylist() == [b"odd", b"plain"]
    assert batch.column("headers").to_pylist() == [None, [{"key": "k", "value": b"2"}]]
