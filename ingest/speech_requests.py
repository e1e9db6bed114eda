"""Transcriptions of what a run came by: resources as they came go in, requests for those not asked for yet come out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ingest.quota import utc_now
from ingest.records import id_of
from trendscript import transcription_requests
from trendscript.endpoints import postgres_dsn
from trendscript.errors import TrendscriptError
from trendscript.ids import VIDEO_ID
from trendscript.transcription_requests import TranscriptionRequest, new_request_id, read_asked, to_request_message

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ingest.report import Report
    from ingest.session import Session
    from trendscript.kafka import Message
    from trendscript.settings import Settings
    from trendscript.transcription_requests import Reason

TOPIC = transcription_requests.TOPIC


@dataclass(frozen=True, slots=True)
class SpeechRequests:
    """Gathers videos while a run goes on; each is asked for once, and none that was asked for before.

    `at_most` is how many of the first of each gathering count; None is all. `source` is the command that asks.
    """

    dsn: str
    reason: Reason
    source: str
    at_most: int | None = None
    _gathered: dict[str, None] = field(default_factory=dict)

    def gather(self, items: Sequence[Any]) -> None:
        """Note the videos of one chart or lookup, in its order; a broadcast that has not ended has no words yet."""
        self._gathered.update(dict.fromkeys(keep_speakable(items[: self.at_most])))

    def messages(self, now: datetime) -> list[Message]:
        """A request for each gathered video that was not asked for. Raises what `read_asked` raises."""
        asked = read_asked(self.dsn, self._gathered)
        return [
            to_request_message(
                TranscriptionRequest(new_request_id(), video_id, now, None, False, self.reason, self.source)  # noqa: FBT003  (not again: the field's name says it)
            )
            for video_id in self._gathered
            if video_id not in asked
        ]


def open_requests(settings: Settings, reason: Reason, command: str, *, at_most: int | None = None) -> SpeechRequests:
    """What a run gathers videos in, once the warehouse has shown that it can tell who was asked for.

    Call it before a unit of quota is spent. Raises what `read_asked` raises, and NoServer.
    """
    dsn = postgres_dsn(settings)
    read_asked(dsn, ())
    return SpeechRequests(dsn, reason, command.replace(" ", "_"), at_most)


def publish_requests(session: Session, requests: SpeechRequests | None, report: Report) -> None:
    """Publish requests for all that a run gathered, and count them; None is a run that was to ask for nothing.

    What keeps it from that is left in the report for the run's end: what the run has read stays published.
    """
    if requests is None:
        return
    report.transcriptions_requested = 0
    try:
        for message in requests.messages(utc_now()):
            session.publisher.send(message)
            report.transcriptions_requested += 1
    except TrendscriptError as failure:
        report.not_requested = failure


def keep_speakable(items: Sequence[Any]) -> list[str]:
    """Ids of the resources that are videos with an end: no broadcast that is live or announced."""
    ids = [(id_of(item), item) for item in items]
    return [video_id for video_id, item in ids if video_id and VIDEO_ID.matches(video_id) and not _is_going_on(item)]


def _is_going_on(item: dict[str, Any]) -> bool:
    snippet = item.get("snippet")
    return isinstance(snippet, dict) and snippet.get("liveBroadcastContent") in ("live", "upcoming")
