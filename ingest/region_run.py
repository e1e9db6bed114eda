"""A run over regions: a source and regions go in; each whole reading goes to the topic, a report comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ingest.api_failures import ChartNotFound
from ingest.quota import utc_now
from ingest.readings import plan_workers, read_all
from ingest.records import Chart
from ingest.regions import check_category, check_regions, read_all_regions
from ingest.report import RegionRow, RegionsReport
from ingest.session import open_session
from ingest.speech_requests import TOPIC as REQUESTS_TOPIC
from ingest.speech_requests import open_requests, publish_requests
from trendscript.envelopes import to_timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from ingest.readings import Outcome
    from ingest.session import Session
    from ingest.youtube_api import YouTubeApi
    from trendscript.kafka import Message
    from trendscript.settings import Settings


@dataclass(frozen=True, slots=True)
class RegionsRequest:
    """What to read: without regions the settings' are meant, without categories the whole chart.

    `transcribe_top` asks for transcriptions of that many of the first videos of each chart; None asks for none.
    """

    regions: tuple[str, ...] = ()
    all_regions: bool = False
    categories: tuple[str, ...] = ()
    max_units: int | None = None
    transcribe_top: int | None = None


@dataclass(frozen=True, slots=True)
class RegionReading:
    """What one whole reading gave: its messages, and how many records came, once and twice.

    `items` are the records themselves, in their order, where they may be asked to be transcribed.
    """

    messages: tuple[Message, ...]
    size: int
    captured_at: datetime
    duplicates: int = 0
    items: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class RegionSource:
    """Something YouTube has by region: the command that reads it, its topic, and how one reading is made.

    `read` is given the time of the reading and runs in several threads at once.
    """

    command: str
    topic: str
    read: Callable[[YouTubeApi, Chart, datetime], RegionReading]


def ingest_regions(
    settings: Settings,
    source: RegionSource,
    request: RegionsRequest,
    *,
    on_row: Callable[[RegionRow, int], None] | None = None,
    now: Callable[[], datetime] = utc_now,
) -> RegionsReport:
    """Read all that the request names, in parallel, and publish each reading once it is read to its end.

    `on_row` is told of each reading that has ended, and how many there are. Failures of single readings
    are in the report; whoever called decides (`RegionsReport.failure`).

    Raises RegionRefused, CategoryRefused, KeyMissing, BrokerUnreachable, BrokerRefused, TopicMissing or
    MessageTooLarge; with `all_regions` also what `YouTubeApi.read_pages` raises; with `transcribe_top` also
    what `open_requests` raises, before a unit is spent.
    """
    check_request(settings, request)
    top = request.transcribe_top
    requests = None if top is None else open_requests(settings, "charted", source.command, at_most=top)
    report = RegionsReport()
    rows: dict[Chart, RegionRow] = {}
    topics = (source.topic,) if requests is None else (source.topic, REQUESTS_TOPIC)
    with open_session(settings, command=source.command, topics=topics, max_units=request.max_units, now=now) as session:
        charts = _charts(settings, request, session.api)
        report.asked = len(charts)
        for outcome in _read(settings, session, charts, lambda chart: source.read(session.api, chart, now())):
            if outcome.result is not None:
                session.publish(outcome.result.messages)
                if requests is not None:
                    requests.gather(outcome.result.items)
            if outcome.failure is not None and not isinstance(outcome.failure, ChartNotFound):
                report.failures.append(outcome.failure)
            rows[outcome.task] = to_row(outcome)
            if on_row is not None:
                on_row(rows[outcome.task], len(charts))
        publish_requests(session, requests, report)
    report.take_counts(session)
    report.regions = [rows[chart] for chart in charts]
    return report


def check_request(settings: Settings, request: RegionsRequest) -> None:
    """Raise RegionRefused or CategoryRefused for what a person mistyped, before anything is connected."""
    if not request.all_regions:
        check_regions(request.regions or settings.youtube_regions)
    for category in request.categories:
        check_category(category)


def to_row(outcome: Outcome[Chart, RegionReading]) -> RegionRow:
    """What the report says of one reading."""
    chart, reading = outcome.task, outcome.result
    if reading is None:
        ended = "not_found" if isinstance(outcome.failure, ChartNotFound) else "failed"
        return RegionRow(chart.region_code, chart.category_id, ended, reason=str(outcome.failure))
    return RegionRow(
        chart.region_code,
        chart.category_id,
        "read",
        size=reading.size,
        duplicates=reading.duplicates,
        captured_at=to_timestamp(reading.captured_at),
    )


def _charts(settings: Settings, request: RegionsRequest, api: YouTubeApi) -> list[Chart]:
    codes = read_all_regions(api) if request.all_regions else check_regions(request.regions or settings.youtube_regions)
    categories = list(dict.fromkeys(check_category(category) for category in request.categories)) or ["0"]
    return [Chart(code, category) for code in codes for category in categories]


def _read(
    settings: Settings, session: Session, charts: list[Chart], read: Callable[[Chart], RegionReading]
) -> Iterator[Outcome[Chart, RegionReading]]:
    workers = plan_workers(len(charts), units_left=session.ledger.units_left, at_most=settings.youtube_parallel_regions)
    return read_all(charts, read, workers=workers, stop=session.ledger.stop)
