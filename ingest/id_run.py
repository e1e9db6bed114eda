"""A run over ids: a source and ids go in; what comes for each lot of 50 goes to the topic, a report comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest.quota import utc_now
from ingest.readings import plan_workers, read_all
from ingest.report import IdsReport
from ingest.session import open_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime, timedelta

    from ingest.youtube_api import YouTubeApi
    from trendscript.ids import IdKind
    from trendscript.kafka import Message
    from trendscript.settings import Settings


_LOT_SIZE = 50


@dataclass(frozen=True, slots=True)
class Lookup:
    """What asking for some ids gave: messages to publish, how many records came, and the ids nothing came for."""

    messages: tuple[Message, ...]
    found: int
    missing: tuple[str, ...]


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
    *,
    max_units: int | None = None,
    on_lot: Callable[[int, int], None] | None = None,
) -> IdsReport:
    """Ask for the ids in lots of 50 and publish each lot as it comes; a lot that fails stops no other.

    `on_lot` is told how many ids a lot that ended had, and how many there are in all. Raises KeyMissing,
    BrokerUnreachable, BrokerRefused, TopicMissing or MessageTooLarge.
    """
    tasks = list(lots(ids))
    report = IdsReport(requested=len(ids), asked=len(tasks))
    with open_session(settings, command=source.command, topic=source.topic, max_units=max_units) as session:
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
            if outcome.failure is not None:
                report.failures.append(outcome.failure)
            if on_lot is not None:
                on_lot(len(outcome.task), len(ids))
    report.take_counts(session)
    return report


def lots(ids: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The ids in lots of 50, the most that one request may ask for."""
    for start in range(0, len(ids), _LOT_SIZE):
        yield tuple(ids[start : start + _LOT_SIZE])
