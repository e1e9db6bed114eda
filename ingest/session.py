"""A run of `ingest`: settings go in, an API to read from and a producer to publish with come out."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from ingest.quota import QuotaLedger, utc_now
from ingest.records import to_usage_message
from ingest.youtube_api import YouTubeApi, connect_api
from trendscript.endpoints import kafka_bootstrap_servers
from trendscript.kafka import BrokerRefused, BrokerUnreachable, Publisher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from trendscript.kafka import Message
    from trendscript.settings import Settings

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Session:
    """One command's API and producer. `published` counts messages handed over, all confirmed once it has closed."""

    api: YouTubeApi
    ledger: QuotaLedger
    publisher: Publisher
    published: int = 0

    def publish(self, messages: Iterable[Message]) -> None:
        """Hand messages over; returns before they are confirmed. Raises what `Publisher.send` raises."""
        for message in messages:
            self.publisher.send(message)
            self.published += 1


@contextmanager
def open_session(
    settings: Settings,
    *,
    command: str,
    topics: Sequence[str],
    max_units: int | None = None,
    now: Callable[[], datetime] = utc_now,
) -> Iterator[Session]:
    """Everything `command` needs to bring records to `topics`; what it spent goes to `api_usage`, also when it fails.

    Kafka and the topics are looked up first: a unit spent on what can't be published is lost.
    Raises KeyMissing, BrokerUnreachable, BrokerRefused or TopicMissing.
    """
    ledger = QuotaLedger(settings.youtube_max_units if max_units is None else max_units, now=now)
    api = connect_api(settings, ledger)
    with Publisher(
        bootstrap_servers=kafka_bootstrap_servers(settings), client_properties=settings.kafka_client_properties
    ) as publisher:
        publisher.require_topics((*topics, "api_usage"))
        session = Session(api, ledger, publisher)
        try:
            yield session
        finally:
            _publish_usage(session, command, now())


def _publish_usage(session: Session, command: str, captured_at: datetime) -> None:
    usages = session.ledger.usages()
    try:
        for usage in usages:
            session.publisher.send(
                to_usage_message(usage, usage_id=uuid.uuid4().hex, command=command, captured_at=captured_at)
            )
    except (BrokerRefused, BrokerUnreachable):
        _log.warning("api_usage_not_published", command=command, units=session.ledger.units)
        raise
