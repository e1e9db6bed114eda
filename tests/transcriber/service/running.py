"""Running the service in this process, on real servers, with doubles of what brings and hears audio."""

from __future__ import annotations

import threading
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import orjson

from tests.kafka.reading import read_topic
from tests.transcriber.service.doubles import ClipBackend, ClipSource
from transcriber.backends.opened import Backends
from transcriber.service.consumer import Membership
from transcriber.service.known_work import KnownWork
from transcriber.service.patience import Patience
from transcriber.service.progress import ProgressDisplay
from transcriber.service.serve import Run, open_service
from transcriber.service.status import Status
from transcriber.service.tools import Tools
from trendscript.kafka import Message, publish
from trendscript.settings import Settings
from trendscript.transcription_requests import TranscriptionRequest, to_request_message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from transcriber.captions import Captions
    from transcriber.service.done import DoneWork

MEMBERSHIP = Membership("", session_timeout_ms=6_000, heartbeat_interval_ms=500)
"""As patient with dead members as a broker lets one be impatient."""


def no_warehouse() -> str:
    """Where nobody listens."""
    return "postgresql://nobody@127.0.0.1:9/none"


def no_captions(_video_id: str) -> Captions | None:
    """A video without any."""
    return None


def a_video(number: int = 0) -> str:
    """An id that no other test asks for, of a form that YouTube's have."""
    return f"{uuid.uuid4().hex[:9]}{number % 100:02d}"


@dataclass
class Place:
    """A topic of requests, a group, a home, and what the service is given."""

    bootstrap_servers: str
    topic: str
    home: Path
    since: dict[str, dict[int, int]]
    group: str = field(default_factory=lambda: f"group_{uuid.uuid4().hex[:8]}")
    source: ClipSource = field(default_factory=ClipSource)
    backend: ClipBackend = field(default_factory=ClipBackend)
    backends: Backends | None = None
    captions: Callable[[str], Captions | None] = no_captions
    find_dsn: Callable[[], str] = no_warehouse
    patience: Patience = field(default_factory=lambda: Patience(None, first_seconds=0.3, bug_seconds=0.05))
    membership: Membership = MEMBERSHIP
    settings: dict[str, Any] = field(default_factory=dict)
    prune_seconds: float = 3_600.0

    def request(
        self, *video_ids: str, again: bool = False, model: str | None = None, key: bytes | None = None
    ) -> list[TranscriptionRequest]:
        """Ask for videos; requests of one key, which is the video unless it is given, come in this order."""
        requests = [a_request(video_id, again=again, model=model) for video_id in video_ids]
        messages = [to_request_message(request) for request in requests]
        self.send(*(message._replace(topic=self.topic, key=key or message.key) for message in messages))
        return requests

    def send(self, *messages: Message) -> None:
        """Put messages on the topic of requests, as they are."""
        publish(messages, bootstrap_servers=self.bootstrap_servers, client_properties=None)

    def tools(self, done: DoneWork) -> Tools:
        """What the service works with."""
        backends = self.backends or Backends("local", "double", lambda _model: self.backend)
        return Tools(self.source, backends, self.captions, KnownWork(self.find_dsn), done)

    def run(self, *, follow: bool) -> Run:
        """How the service runs here."""
        membership = replace(self.membership, group=self.group)
        return Run(membership, self.patience, follow, self.topic, grace_seconds=5.0, prune_seconds=self.prune_seconds)

    def values(self, topic: str = "youtube_transcription") -> list[Any]:
        """Messages that came to a topic since the test began, decoded, of videos of any test."""
        records = read_topic(self.bootstrap_servers, topic, self.since[topic])
        return [orjson.loads(record.value) for record in records]

    def of(self, video_id: str) -> list[Any]:
        """Transcriptions of a video that came since the test began."""
        return [value for value in self.values() if value["video_id"] == video_id]

    def committed(self) -> int:
        """Messages of the topic of requests that the group is done with."""
        from kafka import KafkaAdminClient  # noqa: PLC0415  (few tests ask)

        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap_servers)
        try:
            found = admin.list_group_offsets(self.group)
            offsets = found.get(self.group, found)
            return sum(entry.offset for partition, entry in offsets.items() if partition.topic == self.topic)
        finally:
            admin.close()


def a_request(video_id: str, *, again: bool = False, model: str | None = None) -> TranscriptionRequest:
    """A request that a person might make."""
    from datetime import UTC, datetime  # noqa: PLC0415  (for this line alone)

    return TranscriptionRequest(
        uuid.uuid4().hex, video_id, datetime(2026, 11, 20, tzinfo=UTC), model, again, "asked", "request_transcription"
    )


@dataclass
class Running:
    """A service at work on another thread."""

    status: Status
    stop: threading.Event
    thread: threading.Thread
    failure: list[BaseException] = field(default_factory=list)

    def wait_for(self, holds: Callable[[], object], seconds: float = 30.0) -> None:
        """Wait until something holds, or fail."""
        end = time.monotonic() + seconds
        while not holds():
            if self.failure:
                raise self.failure[0]
            assert time.monotonic() < end, f"It did not come to hold within {seconds} s."
            time.sleep(0.05)


def drain(place: Place) -> Status:
    """Run the service until nothing waits."""
    status = Status()
    serve(place, status, threading.Event(), follow=False)
    return status


def serve(place: Place, status: Status, stop: threading.Event, *, follow: bool) -> None:
    """Run the service on this thread."""
    run = place.run(follow=follow)
    with (
        ProgressDisplay() as display,
        open_service(_settings(place), run, status, stop=stop, tools=place.tools) as service,
    ):
        service.serve(stop, display)
        assert not service.abandoned


@contextmanager
def following(place: Place) -> Iterator[Running]:
    """The service following its topic for the block; it is stopped, and has to end well, at the block's end."""
    status, stop = Status(), threading.Event()
    running = Running(status, stop, threading.Thread())

    def follow() -> None:
        try:
            serve(place, status, stop, follow=True)
        except BaseException as error:  # noqa: BLE001  (raised again by whoever waits)
            running.failure.append(error)

    running.thread = threading.Thread(target=follow, daemon=True)
    running.thread.start()
    try:
        yield running
    finally:
        stop.set()
        running.thread.join(30)
    if running.failure:
        raise running.failure[0]
    assert not running.thread.is_alive()


def texts(value: Any) -> Sequence[str]:
    """The sentences of a transcription."""
    return [segment["text"] for segment in value["item"]["segments"]]


def _settings(place: Place) -> Settings:
    return Settings(
        _env_file=None,  # type: ignore[call-arg]  # pydantic-settings takes it beside the fields
        trendscript_home=place.home,
        kafka_bootstrap_servers=place.bootstrap_servers,
        **place.settings,
    )
