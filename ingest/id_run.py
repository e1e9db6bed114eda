"""A run over ids: a source and ids go in; what comes for each lot of 50 goes to the topic, a report comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ingest.quota import utc_now
from ingest.readings import plan_workers, read_all
from ingest.report import IdsReport
from ingest.session import open_session
from ingest.speech_requests import TOPIC as REQUESTS_TOPIC
from ingest.speech_requests import open_requests, publish_requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime, timedelta
    from pathlib import Path

    from ingest.youtube_api import YouTubeApi
    from trendscript.ids import IdKind
    from trendscript.kafka import Message
    from trendscript.settings import Settings


_LOT_SIZE = 50


@dataclass(frozen=True, slots=True)
class IdsRequest:
    """Ids to ask for, from any of three places: arguments, a file with one a line, the charts of late.

    `transcribe` asks for transcriptions of the videos that came.
    """

    ids: tuple[str, ...] = ()
    ids_file: Path | None = None
    charted_since: str | None = None
    max_units: int | None = None
    transcribe: bool = False


@dataclass(frozen=True, slots=True)
class Lookup:
    """What asking for some ids gave: messages to publish, how many records came, and the ids nothing came for.

    `items` are the records themselves, where they may be asked to be transcribed.
    """

    messages: tuple[Message, ...]
    found: int
    missing: tuple[str, ...]
    items: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class IdSource:
    """Something YouTube has by id: the command that reads it, its topic, its ids, and how at most 50 are read.

    `read` is given the time of the reading and runs in several threads at once.
    """

    command: str
    topic: str
    kind: IdKind
    read: Callable[[YouTubeApi, Sequence[str], datetime], Lookup]
    read_charted: Callable[[Settings, timedelta], list[str]]


def ingest_ids(
    settings: Settings,
    source: IdSource,
    ids: Sequence[str],
    request: IdsRequest,
    *,
    on_lot: Callable[[int, int], None] | None = None,
) -> IdsReport:
    """Ask for the ids in lots of 50 and publish each lot as it comes; a lot that fails stops no other.

    `ids` are those that the request led to. `on_lot` is told how many ids a lot that ended had, and how many
    there are in all.

    Raises KeyMissing, BrokerUnreachable, BrokerRefused, TopicMissing or MessageTooLarge; with `request.transcribe`
    also what `open_requests` raises, before a unit is spent.
    """
    requests = open_requests(settings, "looked_at", source.command) if request.transcribe else None
    tasks = list(lots(ids))
    report = IdsReport(requested=len(ids), asked=len(tasks))
    topics = (source.topic,) if requests is None else (source.topic, REQUESTS_TOPIC)
    with open_session(settings, command=source.command, topics=topics, max_units=request.max_units) as session:
        workers = plan_workers(
            len(tasks), units_left=session.ledger.units_left, at_most=settings.youtube_parallel_regions
        )
        outcomes = read_all(
            tasks,
            lambda lot: source.read(session.api, lot, utc_now()),
            workers=workers,
            stop=session.ledger.stop,
        )
        for outcome in outcomes:
            if outcome.result is not None:
                session.publish(outcome.result.messages)
                report.found += outcome.result.found
                report.missing.extend(outcome.result.missing)
                if requests is not None:
                    requests.gather(outcome.result.items)
            if outcome.failure is not None:
                report.failures.append(outcome.failure)
            if on_lot is not None:
                on_lot(len(outcome.task), len(ids))
        publish_requests(session, requests, report)
    report.take_counts(session)
    return report


def lots(ids: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The ids in lots of 50, the most that one request may ask for."""
    for start in range(0, len(ids), _LOT_SIZE):
        yield tuple(ids[start : start + _LOT_SIZE])
