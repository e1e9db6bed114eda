"""Publishing: messages go in one by one, delivery reports of all of them come out.

By librdkafka, which sends while Python makes the next messages.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Self

from confluent_kafka import KafkaError, KafkaException, Producer

from trendscript.kafka.client_properties import client_options, librdkafka_options
from trendscript.kafka.failures import SILENT, Heard, MessageTooLarge, TopicMissing, is_gone, to_failure
from trendscript.kafka.message import MAX_MESSAGE_BYTES, Message
from trendscript.kafka.topics import require_topics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from types import TracebackType

    import confluent_kafka

_REPORT_EVERY = 1_000
_CLOSING_SECONDS = 2.0
_WAITING_SECONDS = 0.1
# Reports of deliveries are taken in after so many messages.
_TAKE_IN_EVERY = 100
# Room for the frame of a record and its batch around a message of the largest size.
_FRAME_BYTES = 64 * 1024

_PRODUCING: dict[str, Any] = {
    "acks": "all",
    "enable.idempotence": True,
    "allow.auto.create.topics": False,
    # The partition that a Java client, and kafka-python, choose for a key.
    "partitioner": "murmur2_random",
    "message.max.bytes": MAX_MESSAGE_BYTES + _FRAME_BYTES,
    "queue.buffering.max.kbytes": 32 * 1024,
    "queue.buffering.max.messages": 0,
    "batch.size": 256 * 1024,
    # Charts a day apart are much alike: a seventh of the bytes on the wire and on the brokers' disks, in no more time.
    "compression.type": "zstd",
    "linger.ms": 20,
    "delivery.timeout.ms": 120_000,
    # What is neither waiting nor reported has been confirmed; a call for each took a third of the time.
    "delivery.report.only.error": True,
    # Topics are looked up before; one that goes missing has been deleted.
    "topic.metadata.propagation.max.ms": 5_000,
    "log_level": 0,
}
# Failures whose cause is what was said of the connections last.
_UNREACHABLE = {KafkaError._MSG_TIMED_OUT, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN}  # noqa: SLF001
_TOO_LARGE = {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE}


def publish(
    messages: Iterable[Message],
    *,
    bootstrap_servers: str,
    client_properties: Path | None,
    on_progress: Callable[[int], None] | None = None,
) -> int:
    """Send every message and return their number once the brokers have confirmed each of them.

    Memory stays bounded however many messages come. `on_progress` is called now and then with the
    number confirmed so far, and at the end. When `messages` itself raises, those sent before are
    delivered before the exception goes on.

    Raises BrokerUnreachable, BrokerRefused, TopicMissing, MessageTooLarge.
    """
    with Publisher(
        bootstrap_servers=bootstrap_servers, client_properties=client_properties, on_progress=on_progress
    ) as publisher:
        for message in messages:
            publisher.send(message)
    return publisher.delivered


class Publisher:
    """An idempotent producer that counts confirmed deliveries; a context manager that ends with everything confirmed.

    Messages of one key keep their order; only where a topic's limit is smaller than a batch, those of a batch that it
    refused come behind what was sent meanwhile. A topic is looked up before its first message.
    """

    def __init__(
        self,
        *,
        bootstrap_servers: str,
        client_properties: Path | None,
        on_progress: Callable[[int], None] | None = None,
    ) -> None:
        self._options = client_options(bootstrap_servers, client_properties)
        self._settings = librdkafka_options(bootstrap_servers, client_properties)
        self._on_progress = on_progress
        self._reported = 0
        self.delivered = 0
        """How many messages the brokers have confirmed, as far as was looked."""
        self._handed_over = 0
        self._topics: set[str] = set()
        self._heard = Heard()
        self._fatal: KafkaError | None = None
        self._failure: Exception | None = None
        self._lost = False
        self._too_large: list[Message] = []

    def __enter__(self) -> Self:
        self._producer = Producer({**self._settings, **_PRODUCING, "error_cb": self._hear, "logger": SILENT})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if kind is None or (issubclass(kind, Exception) and not self._lost):
                self.flush()
        finally:
            # Something is still unconfirmed after a failure, or Ctrl-C.
            self._let_work(lambda: self._producer.flush(_CLOSING_SECONDS))
            self._count()
            self._producer.purge()

    def require_topics(self, topics: Iterable[str]) -> None:
        """Look topics up before there is a message for them; raises TopicMissing."""
        unknown = set(topics) - self._topics
        if unknown:
            require_topics(unknown, options=self._options)
            self._topics |= unknown

    def send(self, message: Message) -> None:
        """Hand one message over; blocks while too much is unconfirmed.

        Raises MessageTooLarge or TopicMissing for this message; for any before it BrokerUnreachable, BrokerRefused,
        and these two where only the broker knows of it.
        """
        if message.size() > MAX_MESSAGE_BYTES:
            raise MessageTooLarge(message, MAX_MESSAGE_BYTES)
        if message.topic not in self._topics:
            self.require_topics((message.topic,))
        self._produce(message)
        if self._handed_over % _TAKE_IN_EVERY == 0:
            self._let_work(lambda: self._producer.poll(0))
            self._settle()
            self._count()
            if self.delivered - self._reported >= _REPORT_EVERY:
                self._report()

    def flush(self) -> None:
        """Return when every message handed over is confirmed; raises what stopped the first that is not."""
        self._wait()
        self._settle()
        self._count()
        self._report()

    def _produce(self, message: Message) -> None:
        while True:
            try:
                self._producer.produce(
                    message.topic,
                    message.value,
                    message.key,
                    headers=list(message.headers) or None,
                    on_delivery=partial(self._take_in, message),
                )
            except BufferError:
                self._let_work(lambda: self._producer.poll(_WAITING_SECONDS))
                self._raise_failure()
            except KafkaException as error:
                self._note(error.args[0], message.topic)
                self._raise_failure()
            else:
                self._handed_over += 1
                return

    def _wait(self) -> None:
        while self._let_work(lambda: self._producer.flush(_WAITING_SECONDS)):
            self._raise_failure()

    def _let_work(self, work: Callable[[], int]) -> int:
        """Let the client take in reports; how many it has left. After a fatal error it raises that each time."""
        try:
            return work()
        except KafkaException as error:
            self._note(error.args[0], ", ".join(sorted(self._topics)))
            return len(self._producer)

    def _settle(self) -> None:
        """Deal with what reports have told: messages whose batch was too large are sent again, each alone.

        Raises MessageTooLarge for the first that is too large by itself, when all others are delivered.
        """
        self._raise_failure()
        refused: list[Message] = []
        while self._too_large:
            self._wait()
            again, self._too_large = self._too_large, []
            for message in again:
                self._produce(message)
                self._wait()
                refused += self._too_large
                self._too_large = []
        self._raise_failure()
        if refused:
            raise MessageTooLarge(refused[0], MAX_MESSAGE_BYTES)

    def _count(self) -> None:
        """What is neither waiting nor reported has been confirmed; a report nobody has taken in yet is waiting."""
        self.delivered = max(self.delivered, self._handed_over - len(self._producer))

    def _take_in(self, message: Message, error: KafkaError, _sent: confluent_kafka.Message) -> None:
        """Why a message could not be delivered; called in this thread, while it polls."""
        self._handed_over -= 1
        if error.code() in _TOO_LARGE:
            self._too_large.append(message)
        else:
            self._note(error, message.topic)

    def _hear(self, error: KafkaError) -> None:
        """What the client says of its connections; it goes on trying, unless it says that it can't."""
        self._heard.hear(error)
        if error.fatal():
            self._fatal = error

    def _note(self, error: KafkaError, topic: str) -> None:
        """Keep what stopped the first message; those after it fail for the same reason."""
        if self._failure is None:
            self._lost = True
            cause = self._fatal or error
            if cause.code() == KafkaError.CLUSTER_AUTHORIZATION_FAILED:
                # Brokers number the messages of whoever may write to any topic.
                cause = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)
            said = self._heard.text if cause.code() in _UNREACHABLE else ""
            self._failure = (
                TopicMissing([topic])
                if is_gone(cause)
                else to_failure(cause, self._options, said, needs="Write", topic=topic)
            )

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _report(self) -> None:
        self._reported = self.delivered
        if self._on_progress is not None:
            self._on_progress(self.delivered)
