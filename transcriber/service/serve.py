"""The service: requests of a topic go in, transcriptions go to theirs; a status tells what became of them."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from transcriber.records import TRANSCRIPTIONS
from transcriber.service.consumer import Membership, RequestConsumer
from transcriber.service.outbox import Outbox
from transcriber.service.patience import Patience
from transcriber.service.record import Record
from transcriber.service.scratch import open_scratch
from transcriber.service.tools import open_tools, to_wishes
from transcriber.service.work import Work
from transcriber.service.worker import Worker
from trendscript.endpoints import kafka_bootstrap_servers
from trendscript.errors import TrendscriptError
from trendscript.kafka import client_options, identify_topic, require_topics
from trendscript.transcription_requests import TOPIC

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from threading import Event

    from transcriber.service.consumer import Delivery
    from transcriber.service.done import DoneWork
    from transcriber.service.progress import ProgressDisplay
    from transcriber.service.status import Status
    from transcriber.service.tools import Tools
    from trendscript.settings import Settings

_log = structlog.get_logger(__name__)

OUTPUTS = (TRANSCRIPTIONS, "youtube_audio_format")

_MOST_AT_HAND = 8
_POLL_SECONDS = 0.25
_GRACE_SECONDS = 10.0
_SILENCE_SECONDS = 30.0
_PRUNE_SECONDS = 3_600.0


@dataclass(frozen=True, slots=True)
class Run:
    """How a run goes: until the topic is drained, or, with `follow`, until it is asked to stop."""

    membership: Membership
    patience: Patience
    follow: bool
    topic: str = TOPIC
    grace_seconds: float = _GRACE_SECONDS
    prune_seconds: float = _PRUNE_SECONDS


def plan_run(settings: Settings, *, follow: bool) -> Run:
    """Whoever follows waits for ever for what may be mended; whoever drains waits a minute altogether."""
    patience = Patience(None) if follow else Patience(60.0, first_seconds=5.0)
    return Run(Membership(settings.transcriber_group), patience, follow)


class Service:
    """Polls, has the work done beside, commits what is answered. `abandoned` tells whether work would not end."""

    def __init__(self, run: Run, consumer: RequestConsumer, worker: Worker, record: Record, status: Status) -> None:
        self.abandoned = False
        self._run = run
        self._consumer = consumer
        self._worker = worker
        self._record = record
        self._status = status
        self._answered: list[Delivery] = []
        self._last_sign = time.monotonic()
        self._last_pruning = time.monotonic()

    def serve(self, stop: Event, display: ProgressDisplay) -> None:
        """Serve until `stop` is set or, unless it follows, what was there at the start is done.

        Raises the fault that ends the run. What is answered is committed first, whatever ends it.
        """
        self._worker.start()
        try:
            while not stop.is_set() and not self._is_over():
                self._turn()
                display.show(self._status)
        finally:
            self._end()

    def _turn(self) -> None:
        deliveries = self._consumer.poll(_POLL_SECONDS)
        gone = self._consumer.take_leavings()
        if gone:
            self._worker.tasks.drop(gone)
            self._answered = [delivery for delivery in self._answered if delivery.partition not in gone]
        self._worker.tasks.take(deliveries)
        self._commit()
        unfinished = self._worker.tasks.unfinished()
        self._consumer.hold(wait=len(unfinished) >= _MOST_AT_HAND)
        self._status.note_poll(self._consumer.count_waiting(unfinished))
        if deliveries or unfinished:
            self._last_sign = time.monotonic()
        elif time.monotonic() - self._last_sign > _SILENCE_SECONDS:
            self._ask_brokers()
        if time.monotonic() - self._last_pruning > self._run.prune_seconds:
            self._last_pruning = time.monotonic()
            self._record.prune()
        if self._worker.failure is not None:
            raise self._worker.failure

    def _commit(self) -> None:
        """The last step of a message, and the only thing that moves an offset."""
        self._answered += self._worker.tasks.take_finished()
        if not self._answered:
            return
        offsets: dict[int, int] = {}
        for delivery in self._answered:
            offsets[delivery.partition] = max(offsets.get(delivery.partition, 0), delivery.offset + 1)
        if self._consumer.commit(offsets):
            for delivery in self._answered:
                self._record.done.forget_answer(delivery.digest)
            self._answered = []

    def _is_over(self) -> bool:
        if self._run.follow or self._answered or self._worker.tasks.unfinished():
            return False
        return self._consumer.has_drained()

    def _ask_brokers(self) -> None:
        """The client waits for lost brokers without a word. Raises BrokerUnreachable, unless we follow."""
        self._last_sign = time.monotonic()
        try:
            self._consumer.read_ends()
        except TrendscriptError as fault:
            if not self._run.follow:
                raise
            _log.warning("kafka_silent", reason=str(fault))
            self._status.note_pause(fault)
        else:
            self._status.note_mended()

    def _end(self) -> None:
        self._status.note_stop()
        self.abandoned = not self._worker.stop(self._run.grace_seconds)
        if self.abandoned:
            _log.warning("work_abandoned", seconds=self._run.grace_seconds)
        self._commit()


@contextmanager
def open_service(
    settings: Settings, run: Run, status: Status, *, stop: Event, tools: Callable[[DoneWork], Tools] | None = None
) -> Iterator[Service]:
    """Everything the service needs, opened before the first message is taken; `tools` takes the place of the settings'.

    Raises AudioFolderMissing, OperatorNeeded, NoServer, BrokerUnreachable, BrokerRefused or TopicMissing.
    """
    servers: dict[str, Any] = {
        "bootstrap_servers": kafka_bootstrap_servers(settings),
        "client_properties": settings.kafka_client_properties,
    }
    options = client_options(**servers)
    require_topics(OUTPUTS, options=options)
    folder = settings.trendscript_home / "transcriber"
    record = Record(folder, identify_topic(TRANSCRIPTIONS, options=options))
    record.prune()
    made = tools(record.done) if tools else open_tools(settings, record.done, stop=stop.is_set)
    made.backends.get(None)
    with ExitStack() as opened:
        work = Work(
            made,
            to_wishes(settings),
            scratch=opened.enter_context(open_scratch(folder / "audio")),
            pieces=record.pieces,
        )
        consumer = opened.enter_context(RequestConsumer(run.topic, run.membership, **servers))
        worker = Worker(work, record, Outbox(**servers), status, run.patience)
        yield Service(run, consumer, worker, record, status)
