"""Publishing: messages go in one by one, delivery reports of all of them come out."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from kafka import KafkaProducer, errors

from trendscript.kafka.client_properties import client_options
from trendscript.kafka.failures import BrokerRefused, BrokerUnreachable, MessageTooLarge, kafka_failures, to_failure
from trendscript.kafka.message import MAX_MESSAGE_BYTES, Message
from trendscript.kafka.topics import require_topics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from types import TracebackType

    from kafka.producer.future import FutureRecordMetadata

_IN_FLIGHT_BYTES = 32 * 1024 * 1024
_REPORT_EVERY = 1_000
_CLOSING_SECONDS = 2
# Room for the frame of a record and its batch around a message of the largest size.
_FRAME_BYTES = 64 * 1024


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

    Messages of one key keep their order. A topic is looked up before its first message.
    """

    def __init__(
        self,
        *,
        bootstrap_servers: str,
        client_properties: Path | None,
        on_progress: Callable[[int], None] | None = None,
    ) -> None:
        self.delivered = 0
        self._options = client_options(bootstrap_servers, client_properties)
        self._on_progress = on_progress
        self._lost_broker = False
        self._reported = 0
        self._topics: set[str] = set()
        self._in_flight: deque[tuple[Message, FutureRecordMetadata]] = deque()
        self._in_flight_bytes = 0

    def __enter__(self) -> Self:
        with kafka_failures(self._options):
            self._producer = KafkaProducer(
                **self._options,
                acks="all",
                enable_idempotence=True,
                allow_auto_create_topics=False,
                max_request_size=MAX_MESSAGE_BYTES + _FRAME_BYTES,
                batch_size=256 * 1024,
                linger_ms=20,
                metrics_enabled=False,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if kind is None or (issubclass(kind, Exception) and not self._lost_broker):
                self.flush()
        finally:
            with suppress(errors.KafkaTimeoutError):  # raised where something is still unconfirmed, as on Ctrl-C
                self._producer.close(timeout=_CLOSING_SECONDS)

    def require_topics(self, topics: Iterable[str]) -> None:
        """Look topics up before there is a message for them; raises TopicMissing."""
        unknown = set(topics) - self._topics
        if unknown:
            require_topics(unknown, options=self._options)
            self._topics |= unknown

    def send(self, message: Message) -> None:
        """Hand one message over; blocks while too much is unconfirmed.

        Raises MessageTooLarge or TopicMissing for this message, BrokerUnreachable for any message before it.
        """
        size = message.size()
        if size > MAX_MESSAGE_BYTES:
            raise MessageTooLarge(message, MAX_MESSAGE_BYTES)
        self.require_topics((message.topic,))
        try:
            future = self._producer.send(
                message.topic, key=message.key, value=message.value, headers=list(message.headers)
            )
        except errors.KafkaError as error:
            raise self._failure(error) from error
        self._in_flight.append((message, future))
        self._in_flight_bytes += size
        while self._in_flight_bytes > _IN_FLIGHT_BYTES or (self._in_flight and self._in_flight[0][1].is_done):
            self._confirm_oldest()

    def flush(self) -> None:
        """Return when every message handed over is confirmed; raises what stopped the first that is not."""
        # Not the producer's own flush: that raises when the broker has an oversized batch split while it waits.
        while self._in_flight:
            self._confirm_oldest()
        self._report()

    def _confirm_oldest(self) -> None:
        message, future = self._in_flight.popleft()
        self._in_flight_bytes -= message.size()
        try:
            future.get()
        except (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError) as error:
            raise MessageTooLarge(message, MAX_MESSAGE_BYTES) from error
        except errors.KafkaError as error:
            raise self._failure(error) from error
        self.delivered += 1
        if self.delivered - self._reported >= _REPORT_EVERY:
            self._report()

    def _failure(self, error: errors.KafkaError) -> BrokerRefused | BrokerUnreachable:
        self._lost_broker = True
        return to_failure(error, self._options)

    def _report(self) -> None:
        self._reported = self.delivered
        if self._on_progress is not None:
            self._on_progress(self.delivered)
