"""Asking for transcriptions: a wish goes in, its videos go to the topic, a report or a plan of the costs comes out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from transcriber.audio.changes import read_formats
from transcriber.outgoing import to_fitting_look
from transcriber.requests.changed_audio import Looks, look_for_changes
from transcriber.requests.known_audio import read_lengths
from transcriber.requests.planning import plan_transcription
from transcriber.requests.pricing import read_engine
from transcriber.requests.video_ids import parse_video, split_videos
from transcriber.sources import open_source
from trendscript import transcription_requests
from trendscript.charted import read_charted_videos
from trendscript.contracts.rows import Rejected
from trendscript.endpoints import kafka_bootstrap_servers, postgres_dsn
from trendscript.errors import UsageError
from trendscript.ids import NoIds, parse_duration, read_ids_file
from trendscript.kafka import Publisher
from trendscript.transcription_requests import (
    TranscriptionRequest,
    new_request_id,
    parse_request,
    read_asked,
    to_request_message,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from transcriber.audio.source import Look
    from transcriber.requests.report import RequestReport
    from trendscript.settings import Settings
    from trendscript.transcription_requests import Reason

SOURCE = "request_transcription"


class ModelRefused(UsageError):
    """Raised when a model has a name that a request can't carry."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Videos to ask for, from any of three places (arguments, a file with one a line, the charts of late), and how."""

    videos: tuple[str, ...] = ()
    ids_file: Path | None = None
    charted_since: str | None = None
    model: str | None = None
    again: bool = False
    if_changed: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """A video to ask for; `look` is what showed that its audio has changed."""

    video_id: str
    look: Look | None = None

    @property
    def reason(self) -> Reason:
        """Why it is asked for."""
        return "asked" if self.look is None else "audio_changed"


def request_transcriptions(
    settings: Settings, wish: Wish, report: RequestReport, *, tell: Callable[[str], None]
) -> None:
    """Publish a request for each video of the wish that is to be asked for, and count in `report`.

    What stops it stops nothing that was counted: that is published. `tell` is given a line about each video that
    can't be looked at.

    Raises IdRefused, NoIds, DurationRefused, IdsFileUnreadable, ModelRefused, what stands between us and Kafka or
    the warehouse, and, looking for changes, ServiceFault.
    """
    ids = gather_videos(settings, wish, report)
    source = settings.audio_source
    with _open_publisher(settings) as publisher:
        topics = (transcription_requests.TOPIC, "youtube_audio_format")
        publisher.require_topics(topics if wish.if_changed else topics[:1])
        for wanted in choose_videos(settings, wish, ids, report, tell=tell):
            now = datetime.now(UTC)
            look = None if wanted.look is None else to_fitting_look(wanted.look, now, source)
            if look is not None:
                publisher.send(look)
            publisher.send(to_request_message(_to_request(wish, wanted.video_id, wanted.reason, now)))
            report.published += 1


def plan_requests(settings: Settings, wish: Wish, report: RequestReport, *, tell: Callable[[str], None]) -> None:
    """Put what the wish would take into `report`, and publish nothing; videos are looked at where it asks for it.

    Raises PriceUnknown, and what `request_transcriptions` raises of the wish and the warehouse.
    """
    ids = gather_videos(settings, wish, report)
    dsn = postgres_dsn(settings)
    engine = read_engine(settings, dsn, wish.model)
    chosen = list(choose_videos(settings, wish, ids, report, tell=tell))
    lengths = read_lengths(dsn, [wanted.video_id for wanted in chosen])
    report.plan = plan_transcription(
        [_seen_length(wanted) or lengths.get(wanted.video_id) for wanted in chosen], engine
    )


def gather_videos(settings: Settings, wish: Wish, report: RequestReport) -> list[str]:
    """Ids of all three places, each once; words of a file that name no video are counted and passed over.

    A wrong argument is refused before anything is published. Raises IdRefused, NoIds, DurationRefused,
    IdsFileUnreadable, ModelRefused, or what stands between us and the warehouse.
    """
    check_model(wish)
    since = None if wish.charted_since is None else parse_duration(wish.charted_since)
    words = [parse_video(word) for word in wish.videos]
    words += [] if wish.ids_file is None else read_ids_file(wish.ids_file)
    words += [] if since is None else read_charted_videos(settings, since)
    ids, report.rejected_ids = split_videos(words)
    if not ids and since is None:
        raise NoIds(
            "There is no video to ask for. Name some by id or address, as dQw4w9WgXcQ, or take --ids-file or "
            "--charted-since."
        )
    return ids


def check_model(wish: Wish) -> None:
    """Raise ModelRefused for a name that the contract of requests would refuse, as that is found out far too late."""
    sample = _to_request(wish, "dQw4w9WgXcQ", "asked", datetime.now(UTC))
    outcome = parse_request(to_request_message(sample).value)
    if isinstance(outcome, Rejected):
        raise ModelRefused(f"--model {wish.model!r} can't be the name of a model ({outcome.reason}).")


def choose_videos(
    settings: Settings, wish: Wish, ids: list[str], report: RequestReport, *, tell: Callable[[str], None]
) -> Iterable[Wanted]:
    """Which of the videos are to be asked for: those not asked for before, or all, or those whose audio has changed."""
    if wish.if_changed:
        return _changed(settings, ids, report, tell=tell)
    if wish.again:
        return [Wanted(video_id) for video_id in ids]
    asked = read_asked(postgres_dsn(settings), ids, model=wish.model)
    report.already_asked = len(asked)
    return [Wanted(video_id) for video_id in ids if video_id not in asked]


def _changed(
    settings: Settings, ids: list[str], report: RequestReport, *, tell: Callable[[str], None]
) -> Iterator[Wanted]:
    report.looks = looks = Looks()
    found = read_formats(postgres_dsn(settings), ids)
    looks.never_seen = len(ids) - len(found)
    held = {video_id: found[video_id] for video_id in ids if video_id in found}
    for look in look_for_changes(open_source(settings), held, looks, tell=tell):
        yield Wanted(look.video_id, look)


def _to_request(wish: Wish, video_id: str, reason: Reason, now: datetime) -> TranscriptionRequest:
    return TranscriptionRequest(new_request_id(), video_id, now, wish.model, wish.again, reason, SOURCE)


def _seen_length(wanted: Wanted) -> float | None:
    """The length that a look just showed."""
    if wanted.look is None:
        return None
    details = wanted.look.details
    return wanted.look.format.duration_seconds or (details and details.length_seconds) or None


def _open_publisher(settings: Settings) -> Publisher:
    return Publisher(
        bootstrap_servers=kafka_bootstrap_servers(settings), client_properties=settings.kafka_client_properties
    )
