"""Messages of transcriptions: what a model heard goes in, what the contract accepts comes out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from transcriber.captions import Captions
from transcriber.faults import VideoFault
from transcriber.records import (
    Attempt,
    AudioFile,
    Recipe,
    captions_id,
    failure_id,
    to_captions_message,
    to_failure_message,
    to_transcription_message,
    transcription_id,
)
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


def _item(message: Message) -> dict[str, Any]:
    """The item of a message that the contract accepts."""
    assert not isinstance(MessageReader(load_contract(message.topic)).read(message.value), Rejected)
    assert message.key == b"dQw4w9WgXcQ"
    found: dict[str, Any] = orjson.loads(message.value or b"")["item"]
    return found


def _to_message(transcript: Transcript, *, words: bool = True) -> Message:
    return to_transcription_message(transcript, ATTEMPT, RECIPE, AUDIO, processing_seconds=1.25, words=words)


def test_words_have_their_times() -> None:
    """A segment keeps its words and flags, and loses only the space around its text."""
    (segment,) = _item(_to_message(TRANSCRIPT))["segments"]
    assert segment["text"] == "Hello there."
    assert segment["flags"] == ["repetition"]
    assert segment["words"] == [
        {"start": 0.0, "end": 0.4, "word": "Hello", "probability": 0.9},
        {"start": 0.4, "end": 0.9, "word": "there.", "probability": None},
    ]


def test_words_that_are_left_out_are_flagged() -> None:
    """The sentences stay, and the transcript says what it lacks."""
    item = _item(_to_message(TRANSCRIPT, words=False))
    assert item["segments"][0]["words"] is None
    assert (item["timestamps"], item["flags"]) == ("segment", ["words_dropped"])


def test_a_transcript_without_words_loses_none() -> None:
    """No flag for what was never there."""
    segments = tuple(replace(segment, words=()) for segment in TRANSCRIPT.segments)
    assert _item(_to_message(replace(TRANSCRIPT, segments=segments), words=False))["flags"] is None


def test_silence_is_a_transcript_without_sentences() -> None:
    """Nothing said is not the same as no transcript."""
    item = _item(_to_message(replace(TRANSCRIPT, text="", segments=(), language=None, coverage=None)))
    assert (item["status"], item["text"], item["segments"]) == ("transcribed", "", [])


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\x00b", "a\ufffdb"), ("a\ud800b", "a\ufffdb"), ("\U0001f600 \u00e9", "\U0001f600 \u00e9")],
    ids=["nul", "half_a_character", "emoji"],
)
def test_what_no_table_holds_is_shown_as_replaced(text: str, shown: str) -> None:
    """Else the load job would have to refuse the whole transcript."""
    segments = (Segment(0.0, 1.0, text),)
    item = _item(_to_message(replace(TRANSCRIPT, text=text, segments=segments)))
    assert (item["text"], item["segments"][0]["text"]) == (shown, shown)


@pytest.mark.parametrize(
    ("code", "language"),
    [("pt-BR", "pt"), ("EN", "en"), ("yue", "yue"), ("zh-Hans", "zh"), ("english", None), ("", None)],
)
def test_a_language_is_a_code_or_nothing(code: str, language: str | None) -> None:
    """The contract takes two or three letters."""
    captions = Captions("captions_manual", code, (Segment(0.0, 1.0, "Hello."),))
    assert _item(to_captions_message(captions, ATTEMPT))["language"] == language


def test_a_failure_says_why() -> None:
    """Reason and sentence, however long that is."""
    item = _item(to_failure_message(VideoFault("private", "It is private. " * 2_000), ATTEMPT, RECIPE))
    assert (item["status"], item["reason"]) == ("failed", "private")
    assert len(item["detail"]) == 10_000


def test_ids_differ_where_what_they_name_differs() -> None:
    """Video, audio, backend, revision and options decide; the order of options does not."""
    other = [
        transcription_id("aaaaaaaaaaa", AUDIO.sha256, RECIPE),
        transcription_id(ATTEMPT.video_id, "cd" * 32, RECIPE),
        transcription_id(ATTEMPT.video_id, AUDIO.sha256, replace(RECIPE, backend="openai")),
        transcription_id(ATTEMPT.video_id, AUDIO.sha256, replace(RECIPE, revision="2")),
        transcription_id(ATTEMPT.video_id, AUDIO.sha256, replace(RECIPE, options={"beam_size": 1})),
        failure_id(ATTEMPT.video_id, RECIPE, "private"),
        failure_id(ATTEMPT.video_id, RECIPE, "removed"),
        captions_id(ATTEMPT.video_id, Captions("captions_manual", "en", TRANSCRIPT.segments)),
        captions_id(ATTEMPT.video_id, Captions("captions_generated", "en", TRANSCRIPT.segments)),
    ]
    same = transcription_id(ATTEMPT.video_id, AUDIO.sha256, RECIPE)
    turned = replace(RECIPE, options=dict(reversed(list(RECIPE.options.items()))))
    assert len({same, *other}) == 10
    assert transcription_id(ATTEMPT.video_id, AUDIO.sha256, turned) == same
