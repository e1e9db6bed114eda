"""Read a range: offsets of one partition go in; Arrow batches of exactly their messages, as bytes, come out.

Runs on executors, by librdkafka. The way through Spark's own source costs several times the time a message, and
most of what a small load waits for.
"""

from __future__ import annotations

import time
from contextlib import closing
from operator import methodcaller
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa
import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from spark_jobs.failures import ReadingCutOff
from spark_jobs.raw_messages import RAW_SCHEMA
from trendscript.kafka.failures import SILENT, Heard, is_gone, is_refusal, to_failure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from confluent_kafka import Message

    from spark_jobs.batch import OffsetRange

_log = structlog.get_logger(__name__)

_BATCH_MESSAGES = 5_000
_BATCH_BYTES = 16 * 1024 * 1024
_POLL_MESSAGES = 1_000
_POLL_SECONDS = 0.1
_SILENT_SECONDS = 60.0
_WONDERING_SECONDS = 5.0

_READING: dict[str, Any] = {
    # Nothing is committed, so no group is joined; the client asks for a name all the same.
    "group.id": "trendscript-load",
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "isolation.level": "read_committed",
    # Where the offset that is due isn't held any more, going on at another one would be a loss that nobody sees.
    "auto.offset.reset": "error",
    "check.crcs": True,
    # Tells the end of what can be read from brokers that have fallen silent.
    "enable.partition.eof": True,
    "fetch.wait.max.ms": 100,
    "max.partition.fetch.bytes": 4 * 1024 * 1024,
    "queued.max.messages.kbytes": 16 * 1024,
    # A second by default, for which a full queue that has long been emptied stays empty.
    "fetch.queue.backoff.ms": 5,
    "topic.metadata.propagation.max.ms": 5_000,
    "log_level": 0,
}
# Not a plain call: the interpreter's short way through one misses the client's exception, which then comes up later.
_get_headers = methodcaller("headers")
_END = KafkaError._PARTITION_EOF  # noqa: SLF001  (public by its documentation)


def read_range(
    topic: str, wanted: OffsetRange, options: dict[str, str], *, silent_seconds: float = _SILENT_SECONDS
) -> Iterator[pa.RecordBatch]:
    """What a `read_committed` reader sees of the range, in the columns of `RAW_SCHEMA`, in its order.

    `options` are those of the connection, as `librdkafka_options` gives them. A batch ends after 16 MiB of values, and
    one poll brings 16 more at most, and a message. Raises ReadingCutOff when the brokers don't hold the range, or are
    silent for so many seconds; BrokerRefused.
    """
    with closing(_RangeReader(topic, wanted, options, silent_seconds)) as reader:
        gathered: list[Message] = []
        size = 0
        for messages in reader.polls():
            gathered += messages
            size += sum(map(len, messages))
            if len(gathered) >= _BATCH_MESSAGES or size >= _BATCH_BYTES:
                yield to_raw_batch(wanted.partition, gathered)
                gathered, size = [], 0
        if gathered:
            yield to_raw_batch(wanted.partition, gathered)


class _RangeReader:
    """A consumer of one range, and how far it has come."""

    def __init__(self, topic: str, wanted: OffsetRange, options: dict[str, str], silent_seconds: float) -> None:
        self._wanted = wanted
        self._silent_seconds = silent_seconds
        self._next = wanted.from_offset
        self._topic = topic
        self._options = options
        self._heard = Heard()
        self._gone = False
        self._refusal: KafkaError | None = None
        self._consumer = Consumer({**options, **_READING, "error_cb": self._hear, "logger": SILENT})
        self._consumer.assign([TopicPartition(topic, wanted.partition, wanted.from_offset)])

    def close(self) -> None:
        """End the connections."""
        self._consumer.close()

    def polls(self) -> Iterator[list[Message]]:
        """The range's messages as they come, a thousand at a time at most."""
        heard, asked = time.monotonic(), False
        while (left := self._wanted.until_offset - self._next) > 0:
            # Never more than are left: those would be waited for.
            polled = self._consumer.consume(min(_POLL_MESSAGES, left), _POLL_SECONDS)
            if polled:
                yield self._take(polled)
                heard, asked = time.monotonic(), False  # now: whoever takes the messages may have been slow
            elif not asked and time.monotonic() - heard > _WONDERING_SECONDS:
                asked = True
                self._ask()
            if self._refusal is not None:
                raise to_failure(self._refusal, self._options, needs="Read", topic=self._topic)
            if self._gone or time.monotonic() - heard > self._silent_seconds:
                raise ReadingCutOff(self._wanted, self._next, self._heard.text or "the brokers are silent")

    def _ask(self) -> None:
        """Ask for the topic where nothing comes: that this user may not even look at it is told to nobody unasked."""
        try:
            error = self._consumer.list_topics(self._topic, timeout=_WONDERING_SECONDS).topics[self._topic].error
        except KafkaException:
            return  # the silence goes on
        if error is not None:
            self._hear(error)

    def _take(self, polled: list[Message]) -> list[Message]:
        """The messages among what was polled that are the range's."""
        taken = [message for message in polled if message.error() is None]
        if taken:
            self._next = _place(taken[-1]) + 1
        for message in polled:
            if (error := message.error()) is not None:
                self._judge(error, _place(message))
        return [message for message in taken if _place(message) < self._wanted.until_offset]

    def _judge(self, error: KafkaError, offset: int) -> None:
        if error.code() == _END and offset >= self._wanted.until_offset:
            self._next = max(self._next, self._wanted.until_offset)
        elif error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
            return  # the client looks up who coordinates its group, which nobody here needs
        elif is_refusal(error):
            self._refusal = error
        else:
            raise ReadingCutOff(self._wanted, self._next, error.str())

    def _hear(self, error: KafkaError) -> None:
        """What the client says of its connections; it goes on trying."""
        self._heard.hear(error)
        self._gone = self._gone or is_gone(error)
        if is_refusal(error):
            self._refusal = error


def to_raw_batch(partition: int, messages: list[Message]) -> pa.RecordBatch:
    """Messages of a partition as Arrow."""
    offsets = [message.offset() for message in messages]
    times = [milliseconds if kind else None for kind, milliseconds in (message.timestamp() for message in messages)]
    headers = [_headers(message) for message in messages]
    headers_type = RAW_SCHEMA.field("headers").type
    return pa.RecordBatch.from_arrays(
        [
            pa.repeat(pa.scalar(partition, pa.int32()), len(messages)),
            pa.array(offsets, pa.int64()),
            pa.array(times, pa.timestamp("ms", "UTC")).cast(pa.timestamp("us", "UTC")),
            pa.array([message.key() for message in messages], pa.binary()),
            pa.array([message.value() for message in messages], pa.binary()),
            pa.array(headers, headers_type) if any(headers) else pa.nulls(len(messages), headers_type),
        ],
        schema=RAW_SCHEMA,
    )


def _place(message: Message) -> int:
    return cast("int", message.offset())


def _headers(message: Message) -> Any:
    """A message's headers; None where it has none, or a key among them isn't UTF-8, which the client can't give."""
    try:
        return _get_headers(message) or None
    except SystemError as error:
        _log.warning("headers_unreadable", partition=message.partition(), offset=message.offset(), cause=str(error))
        return None
