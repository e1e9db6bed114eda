"""The consumer: a group and a topic go in, messages of the partitions it is given come out; commits are asked for."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Self

import structlog
from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition, errors
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.structs import MemberState, OffsetAndMetadata

from trendscript.kafka import client_options, require_topics
from trendscript.kafka.failures import kafka_failures, to_failure

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_log = structlog.get_logger(__name__)

_COMMIT_SECONDS = 5
_ANSWER_SECONDS = 10
_CLOSING_SECONDS = 5
_SETTLING_SECONDS = 5
"""How long a member without partitions waits before it believes that it gets none: others hand theirs over first."""


@dataclass(frozen=True, slots=True)
class Membership:
    """How a consumer keeps its place in the group. Heartbeats go on by themselves, so only a dead process is timed out.

    `max_poll_interval_ms` is Kafka's default: the work runs beside the poll loop, however long it takes.
    """

    group: str
    session_timeout_ms: int = 30_000
    heartbeat_interval_ms: int = 3_000
    max_poll_interval_ms: int = 300_000
    max_poll_records: int = 8


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as it was delivered. The same message may be delivered again, to us or to another of the group."""

    topic: str
    partition: int
    offset: int
    value: bytes | None

    @property
    def digest(self) -> str:
        """Names the message over restarts: 64 hexadecimal digits."""
        place = f"{self.topic}/{self.partition}/{self.offset}\n".encode()
        return sha256(place + (self.value or b"")).hexdigest()


class RequestConsumer:
    """A member of a consumer group of one topic; a context manager, for one thread.

    Partitions move between members one by one (cooperative), so what stays is not disturbed when others come and go.
    Raises TopicMissing, BrokerUnreachable or BrokerRefused when it is opened.
    """

    def __init__(
        self, topic: str, membership: Membership, *, bootstrap_servers: str, client_properties: Path | None
    ) -> None:
        self.topic = topic
        self._membership = membership
        self._options = client_options(bootstrap_servers, client_properties)
        self._leavings = _Leavings()
        self._without_partitions_since = time.monotonic()

    def __enter__(self) -> Self:
        require_topics([self.topic], options=self._options)
        with kafka_failures(self._options, needs="Read"):
            self._consumer = KafkaConsumer(
                **self._options,
                group_id=self._membership.group,
                session_timeout_ms=self._membership.session_timeout_ms,
                heartbeat_interval_ms=self._membership.heartbeat_interval_ms,
                max_poll_interval_ms=self._membership.max_poll_interval_ms,
                max_poll_records=self._membership.max_poll_records,
                partition_assignment_strategy=[CooperativeStickyAssignor],
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                isolation_level="read_committed",
                allow_auto_create_topics=False,
                max_partition_fetch_bytes=16 * 1024 * 1024,
                metrics_enabled=False,
            )
            self._ends = self.read_ends()
            self._consumer.subscribe([self.topic], listener=self._leavings)
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close(autocommit=False, timeout_ms=_CLOSING_SECONDS * 1000)

    def poll(self, seconds: float) -> list[Delivery]:
        """What came within this time, in each partition's order; also what keeps the group's place.

        Raises BrokerRefused or BrokerUnreachable where the brokers say that waiting won't help.
        """
        try:
            found = self._consumer.poll(timeout_ms=int(seconds * 1000))
        except errors.KafkaError as error:
            raise to_failure(error, self._options, needs="Read") from error
        self._finish_joining()
        return [
            Delivery(record.topic, record.partition, record.offset, record.value)
            for records in found.values()
            for record in records
        ]

    def _finish_joining(self) -> None:
        """Keep the client at a rejoin that it began.

        It begins one when metadata seem to have changed, and forgets it where a poll ends meanwhile and they then
        look as before: it would stay between the groups for ever, without heartbeats (seen with kafka-python 3.0.12).
        """
        if self._consumer.group_metadata().state == MemberState.REBALANCING:
            self._consumer._coordinator.request_rejoin()  # noqa: SLF001  (the client has no public way)

    def take_leavings(self) -> set[int]:
        """Partitions that went to another member since this was last asked, even if they came back."""
        return self._leavings.take()

    @property
    def partitions(self) -> set[int]:
        """The partitions that are ours now."""
        return {partition.partition for partition in self._consumer.assignment()}

    def hold(self, *, wait: bool) -> None:
        """Let nothing more be delivered for the time being, or again what comes. Polling goes on either way."""
        assigned = self._consumer.assignment()
        held = self._consumer.paused()
        if wait and assigned - held:
            self._consumer.pause(*(assigned - held))
        elif not wait and held:
            self._consumer.resume(*held)

    def commit(self, offsets: Mapping[int, int]) -> bool:
        """Commit the next offset of each partition; False where it has to be tried again after a poll.

        A partition that went elsewhere in the meantime is none of ours to commit; its message comes to whoever has it.
        """
        wanted = {
            TopicPartition(self.topic, partition): OffsetAndMetadata(offset, "", -1)
            for partition, offset in offsets.items()
            if partition in self.partitions
        }
        try:
            self._consumer.commit(wanted, timeout_ms=_COMMIT_SECONDS * 1000)
        except (errors.CommitFailedError, errors.IllegalGenerationError, errors.UnknownMemberIdError) as error:
            # A member that keeps its partitions hears this too, while the group settles; what it loses it is told of.
            _log.warning("commit_refused", partitions=sorted(offsets), cause=type(error).__name__)
            return False
        except errors.KafkaError as error:
            _log.warning("commit_delayed", partitions=sorted(offsets), cause=type(error).__name__)
            return False
        return True

    def has_drained(self) -> bool:
        """Tell whether all that was in the partitions that are ours when we came has been delivered."""
        if self._consumer.group_metadata().state != MemberState.STABLE:
            self._without_partitions_since = time.monotonic()
            return False
        assigned = self._consumer.assignment()
        if not assigned:
            return time.monotonic() - self._without_partitions_since > _SETTLING_SECONDS
        return all(self._is_past_end(partition) for partition in assigned)

    def _is_past_end(self, partition: Any) -> bool:
        try:
            position: int | None = self._consumer.position(partition, timeout_ms=1000)
        except errors.KafkaError:
            return False
        return position is not None and position >= self._ends.get(partition.partition, 0)

    def read_ends(self) -> dict[int, int]:
        """Where each partition of the topic ends now. Raises BrokerUnreachable."""
        with kafka_failures(self._options, needs="Describe"):
            partitions = [TopicPartition(self.topic, n) for n in self._consumer.partitions_for_topic(self.topic) or ()]
            ends = self._consumer.end_offsets(partitions, timeout_ms=_ANSWER_SECONDS * 1000)
            return {partition.partition: int(end) for partition, end in ends.items()}

    def count_waiting(self, unfinished: Iterable[Delivery]) -> dict[int, int]:
        """Messages that wait in each of our partitions, those being worked on included."""
        waiting = dict.fromkeys(self.partitions, 0)
        for partition in self._consumer.assignment():
            end = self._consumer.highwater(partition)
            if end is not None and self._consumer.group_metadata().state == MemberState.STABLE:
                waiting[partition.partition] = max(0, int(end) - self._known_position(partition, int(end)))
        for delivery in unfinished:
            waiting[delivery.partition] = waiting.get(delivery.partition, 0) + 1
        return waiting

    def _known_position(self, partition: Any, end: int) -> int:
        try:
            return int(self._consumer.position(partition, timeout_ms=100))
        except (errors.KafkaError, TypeError):
            return end


class _Leavings(ConsumerRebalanceListener):  # type: ignore[misc]  # the client publishes no types
    """Notes what a rebalance takes away; it is called on the client's own thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._gone: set[int] = set()

    def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
        """They go to another member."""
        self._note(revoked, "partitions_handed_over")

    def on_partitions_lost(self, lost: Iterable[Any]) -> None:
        """They went to another member while this one was taken for dead."""
        self._note(lost, "partitions_lost")

    def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        """They come to this member."""
        _log.info("partitions_taken", partitions=sorted(partition.partition for partition in assigned))

    def _note(self, partitions: Iterable[Any], event: str) -> None:
        numbers = {partition.partition for partition in partitions}
        _log.info(event, partitions=sorted(numbers))
        with self._lock:
            self._gone |= numbers

    def take(self) -> set[int]:
        with self._lock:
            gone, self._gone = self._gone, set()
            return gone
