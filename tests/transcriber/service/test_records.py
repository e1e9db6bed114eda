"""Messages of transcriptions: what a model heard goes in, what the contract accepts comes out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.transcriber.service.transcripts import ATTEMPT, AUDIO, RECIPE, TRANSCRIPT, WORDS, accepted_item
from transcriber.captions import Captions
from transcriber.faults import VideoFault
from transcriber.records import (
    captions_id,
    failure_id,
    to_captions_message,
    to_failure_message,
    to_transcription_message,
    transcription_id,
)
from transcriber.speech import Language, Segment, Transcript

if TYPE_CHECKING:
    from trendscript.kafka import Message


def _to_message(transcript: Transcript, *, words: bool = True) -> Message:
    return to_transcription_message(transcript, ATTEMPT, RECIPE, AUDIO, processing_seconds=1.25, words=words)


def test_words_have_their_times() -> None:
    """A segment keeps its words and flags, and loses only the space around its text."""
    (segment,) = accepted_item(_to_message(TRANSCRIPT))["segments"]
    assert segment["text"] == "Hello there."
    assert segment["flags"] == ["repetition"]
    assert segment["words"] == [
        {"start": 0.0, "end": 0.4, "word": "Hello", "probability": 0.9},
        {"start": 0.4, "end": 0.9, "word": "there.", "probability": None},
    ]


def test_words_that_are_left_out_are_flagged() -> None:
    """The sentences stay, and the transcript says what it lacks."""
    item = accepted_item(_to_message(TRANSCRIPT, words=False))
    assert item["segments"][0]["words"] is None
    assert (item["timestamps"], item["flags"]) == ("segment", ["words_dropped"])


def test_a_transcript_without_words_loses_none() -> None:
    """No flag for what was never there."""
    segments = tuple(replace(segment, words=()) for segment in TRANSCRIPT.segments)
    assert accepted_item(_to_message(replace(TRANSCRIPT, segments=segments), words=False))["flags"] is None


def test_silence_is_a_transcript_without_sentences() -> None:
    """Nothing said is not the same as no transcript."""
    item = accepted_item(_to_message(replace(TRANSCRIPT, text="", segments=(), language=None, coverage=None)))
    assert (item["status"], item["text"], item["segments"]) == ("transcribed", "", [])


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\x00b", "a\ufffdb"), ("a\ud800b", "a\ufffdb"), ("\U0001f600 \u00e9", "\U0001f600 \u00e9")],
    ids=["nul", "half_a_character", "emoji"],
)
def test_what_no_table_holds_is_shown_as_replaced(text: str, shown: str) -> None:
    """Else the load job would have to refuse the whole transcript."""
    segments = (Segment(0.0, 1.0, text),)
    item = accepted_item(_to_message(replace(TRANSCRIPT, text=text, segments=segments)))
    assert (item["text"], item["segments"][0]["text"]) == (shown, shown)


@pytest.mark.parametrize(
    ("code", "language"),
    [("pt-BR", "pt"), ("EN", "en"), ("yue", "yue"), ("zh-Hans", "zh"), ("english", None), ("", None)],
)
def test_a_language_is_a_code_or_nothing(code: str, language: str | None) -> None:
    """The contract takes two or three letters."""
    captions = Captions("captions_manual", code, (Segment(0.0, 1.0, "Hello."),))
    assert accepted_item(to_captions_message(captions, ATTEMPT))["language"] == language


def test_a_failure_says_why() -> None:
    """Reason and sentence, however long that is."""
    item = accepted_item(to_failure_message(VideoFault("private", "It is private. " * 2_000), ATTEMPT, RECIPE))
    assert (item["status"], item["reason"]) == ("failed", "private")
    assert len(item["detail"]) == 10_000


def test_a_long_name_of_a_model_is_shown_by_its_end() -> None:
    """The folder of a model may lie deep; its last names tell it apart. A name of 200 characters is whole."""
    fault = VideoFault("private", "It is private.")
    for name, shown in [("/srv" * 100, "…" + ("/srv" * 100)[-199:]), ("m" * 200, "m" * 200), ("a\ud800", "a\ufffd")]:
        item = accepted_item(to_failure_message(fault, ATTEMPT, replace(RECIPE, model=name)))
        assert item["model"] == shown


def test_a_sentence_too_long_for_the_table_is_several() -> None:
    """Cut between words where there are any, nothing lost, each with the same times; words' times are there once."""
    words = "over and over " * 15_000
    said = Segment(1.0, 2.0, words, words=WORDS)
    item = accepted_item(_to_message(replace(TRANSCRIPT, text=words.strip(), segments=(said,))))
    texts = [segment["text"] for segment in item["segments"]]
    assert " ".join(texts) == words.strip() == item["text"]
    assert [len(text) <= 100_000 for text in texts] == [True, True, True]
    assert {(segment["start"], segment["end"]) for segment in item["segments"]} == {(1.0, 2.0)}
    assert [bool(segment["words"]) for segment in item["segments"]] == [True, False, False]


def test_text_without_a_space_is_cut_all_the_same() -> None:
    """No script is too long for want of spaces, in captions neither."""
    captions = Captions("captions_manual", "ja", (Segment(0.0, 1.0, "あ" * 250_000),))
    texts = [segment["text"] for segment in accepted_item(to_captions_message(captions, ATTEMPT))["segments"]]
    assert [len(text) for text in texts] == [100_000, 100_000, 50_000]


def test_a_share_that_is_over_one_by_a_hair_is_one() -> None:
    """Sums of a computer's are so; the contract takes nothing above 1."""
    segment = replace(TRANSCRIPT.segments[0], no_speech_prob=1.0000001)
    item = accepted_item(_to_message(replace(TRANSCRIPT, language=Language("en", 1.0000001), segments=(segment,))))
    assert (item["language_probability"], item["segments"][0]["no_speech_prob"]) == (1.0, 1.0)


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
