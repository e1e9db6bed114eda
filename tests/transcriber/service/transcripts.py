"""A transcript, and what a message of it has from elsewhere; what a contract makes of messages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from transcriber.records import Attempt, AudioFile, Recipe
from transcriber.speech import Language, Segment, Transcript, Word
from trendscript.contracts import load_contract
from trendscript.contracts.rows import MessageReader, Rejected

if TYPE_CHECKING:
    from trendscript.kafka import Message

ATTEMPT = Attempt("dQw4w9WgXcQ", "0" * 32, datetime(2026, 11, 20, 10, 5, tzinfo=UTC))
RECIPE = Recipe("local", "tiny.en", "0d3b1c2e", {"beam_size": 5, "vad": {"threshold": 0.5}})
AUDIO = AudioFile("ab" * 32, 352_078, None)
WORDS = (Word(0.0, 0.4, "Hello", 0.9), Word(0.4, 0.9, "there."))
TRANSCRIPT = Transcript(
    text="Hello there.",
    segments=(Segment(0.0, 0.9, " Hello there. ", avg_logprob=-0.2, words=WORDS, flags=("repetition",)),),
    timestamps="word",
    language=Language("en", 0.98),
    duration_seconds=2.5,
    speech_seconds=0.9,
    coverage=1.0,
)


def accepted_item(message: Message) -> dict[str, Any]:
    """The item of a message that the contract accepts."""
    assert not isinstance(MessageReader(load_contract(message.topic)).read(message.value), Rejected)
    assert message.key == b"dQw4w9WgXcQ"
    found: dict[str, Any] = orjson.loads(message.value or b"")["item"]
    return found
