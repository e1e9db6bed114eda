"""Requests for transcriptions: a wish goes in, its message comes out and back again, and who was asked for already."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Literal

from trendscript.contracts import load_contract
from trendscript.contracts.rows import MessageReader, Rejected
from trendscript.envelopes import to_json, to_timestamp
from trendscript.kafka import Message
from trendscript.speech_tables import read_rows

if TYPE_CHECKING:
    from collections.abc import Collection

TOPIC = "transcription_request"

Reason = Literal["asked", "charted", "looked_at", "audio_changed"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ASKED = """
    select video_id
    from processed.transcription_request
    where video_id = any(%(videos)s) and (%(model)s is null or model = %(model)s)
    union
    select video_id
    from processed.transcription
    where video_id = any(%(videos)s) and (%(model)s is null or model = %(model)s)
"""


@dataclass(frozen=True, slots=True)
class TranscriptionRequest:
    """A wish for the words of a video. `model` is None where the transcriber's settings decide.

    `again` asks for the work even where the same audio, model and options have given a transcript before;
    `source` is the command that asked.
    """

    request_id: str
    video_id: str
    captured_at: datetime
    model: str | None
    again: bool
    reason: Reason
    source: str


def new_request_id() -> str:
    """32 hexadecimal digits that no other request has."""
    return uuid.uuid4().hex


def to_request_message(request: TranscriptionRequest) -> Message:
    """The `transcription_request` message of a request, keyed by its video."""
    envelope = {
        "source": request.source,
        "captured_at": to_timestamp(request.captured_at),
        "request_id": request.request_id,
        "video_id": request.video_id,
        "model": request.model,
        "again": request.again,
        "reason": request.reason,
    }
    return Message(TOPIC, request.video_id.encode("utf-8", "backslashreplace"), to_json(envelope))


def parse_request(value: bytes | None) -> TranscriptionRequest | Rejected:
    """The request that a message holds, or why it is none: what the contract refuses is refused for the same reason.

    Raises nothing, whatever the bytes.
    """
    reader, number, names = _reader()
    tables = reader.read(value)
    if isinstance(tables, Rejected):
        return tables
    (row,) = tables[number]
    # The row's last field is its digest, which has no name.
    found = dict(zip(names, row, strict=False))
    found["captured_at"] = _EPOCH + timedelta(microseconds=found["captured_at"])
    return TranscriptionRequest(**found)


def read_asked(dsn: str, video_ids: Collection[str], *, model: str | None = None) -> set[str]:
    """Which of the videos have been asked for already, or have a transcription, failed ones included.

    With a model: asked for by that name, or transcribed by it. The tables lag behind the topic until the next
    load, so a video asked for a moment ago may be missing; asking twice is harmless, as the transcriber
    skips work that is done.

    Raises WarehouseWithoutSpeech, and what `trendscript.postgres.connect` raises.
    """
    return {video_id for (video_id,) in read_rows(dsn, _ASKED, {"videos": list(video_ids), "model": model})}


@cache
def _reader() -> tuple[MessageReader, int, tuple[str, ...]]:
    """What reads the topic's messages, which of its tables holds requests, and that table's columns."""
    contract = load_contract(TOPIC)
    table = contract.table("transcription_request")
    return MessageReader(contract), contract.tables.index(table), table.column_names
