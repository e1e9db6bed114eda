"""Flags: what a model most likely made up is marked, what people said is not, and nothing goes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.transcriber.listening.building import a_segment
from transcriber.backends.backend import Capability, Speech
from transcriber.listening.flags import flag_segments, flag_transcript
from transcriber.listening.spoken import SpokenTime
from transcriber.speech import Language, Segment, Transcript

TALK = SpokenTime([Speech(0, 1000)])


def flags_of(segment: Segment, spoken: SpokenTime = TALK, *, timed: bool = True) -> tuple[str, ...]:
    """Flags of one segment alone."""
    (flagged,) = flag_segments([segment], spoken, timed=timed)
    return flagged.flags


def test_a_sentence_with_good_evidence_has_no_flag() -> None:
    """Somebody speaks under it, and the model is sure."""
    assert flags_of(a_segment(0, 5)) == ()


@pytest.mark.parametrize(
    ("numbers", "flag"),
    [
        ({"avg_logprob": -1.01}, "low_confidence"),
        ({"compression_ratio": 2.41}, "repetition"),
        ({"no_speech_prob": 0.9, "avg_logprob": -0.9}, "no_speech"),
    ],
)
def test_a_number_past_its_threshold_is_a_flag(numbers: dict[str, Any], flag: str) -> None:
    """The model's own doubts."""
    assert flags_of(a_segment(0, 5, **numbers)) == (flag,)


def test_a_backend_without_numbers_gives_no_reason_for_doubt() -> None:
    """None is not a low number."""
    assert flags_of(Segment(0, 5, "what is said")) == ()


def test_a_model_that_is_sure_is_not_doubted_for_its_silence() -> None:
    """Whisper often thinks that nobody speaks where somebody does, and writes the right words."""
    assert flags_of(a_segment(0, 5, no_speech_prob=0.9)) == ()


@pytest.mark.parametrize(("speech", "expected"), [([], True), ([Speech(4.9, 5.0)], True), ([Speech(3, 4)], False)])
def test_a_sentence_over_silence_is_flagged(speech: list[Speech], *, expected: bool) -> None:
    """A tenth of a second is no speech; one second of five is, as whispers are heard in part."""
    assert ("silence" in flags_of(a_segment(0, 5), SpokenTime(speech))) == expected


def test_texts_without_times_are_not_held_against_the_detector() -> None:
    """Their stretch is that of a piece."""
    assert flags_of(Segment(0, 60, "what is said"), SpokenTime([]), timed=False) == ()


@pytest.mark.parametrize(
    "text",
    [
        "Thank you for watching!",
        "Untertitel im Auftrag des ZDF für funk, 2017",
        "Untertitelung des ZDF, 2020",
        "Sous-titres réalisés para la communauté d'Amara.org",
        "Legendas pela comunidade Amara.org",
        "Субтитры сделал DimaTorzok",
        "Продолжение следует...",
        "字幕由Amara.org社区提供",
        "請不吝點贊訂閱轉發打賞支持明鏡與點點欄目",
        "ご視聴ありがとうございました。",
        "시청해주셔서 감사합니다.",
        "ترجمة نانسي قنقر",
        "İzlediğiniz için teşekkür ederim.",
        "you",
    ],
)
def test_a_stock_phrase_is_flagged_only_where_little_speaks_for_it(text: str) -> None:
    """People do thank each other: a model that is sure, over speech, is believed."""
    doubtful: list[dict[str, Any]] = [{"avg_logprob": -0.7}, {"no_speech_prob": 0.55}, {"temperature": 0.8}]
    assert all(flags_of(a_segment(0, 5, text, **numbers)) == ("known_phrase",) for numbers in doubtful)
    assert flags_of(a_segment(0, 5, text), SpokenTime([Speech(0, 1)])) == ("known_phrase",)
    assert flags_of(a_segment(0, 5, text)) == ()


def test_words_like_those_of_a_stock_phrase_are_not_one() -> None:
    """A sentence that goes on says something."""
    assert flags_of(a_segment(0, 5, "Thank you for the figures that you sent.", avg_logprob=-0.9)) == ()


def test_the_same_words_again_and_again_are_flagged_from_the_second_on() -> None:
    """Twice is common, three times is a loop; its first may have been said."""
    texts = ["We go.", "Yes.", "Yes!", "Right.", "See, see.", "See see", "see, see...", "End."]
    segments = [a_segment(start, start + 1, text) for start, text in enumerate(texts)]
    flagged = flag_segments(segments, TALK, timed=True)
    assert [segment.text for segment in flagged if segment.flags == ("repetition",)] == ["See see", "see, see..."]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I do not know what to do. " * 5, True),
        ("We have 3,000,000,000,000,000,000,000,000,000,000,000,000 of them", True),
        ("私たちは、" * 8, True),
        ("No, no, no, no!", False),
        ("Here's some more words, words, words, words, words", False),
    ],
)
def test_a_text_that_goes_in_circles_is_flagged(text: str, *, expected: bool) -> None:
    """Most of it is one phrase, four times or more, and not just a short cry."""
    assert ("repetition" in flags_of(a_segment(0, 5, text))) == expected


def test_nothing_is_removed_or_changed_but_for_flags() -> None:
    """Text and numbers stay, and a flag that a backend gave as well."""
    segment = a_segment(0, 5, "you", avg_logprob=-2.0, flags=("from_a_backend",))
    (flagged,) = flag_segments([segment], SpokenTime([]), timed=True)
    assert flagged.flags == ("from_a_backend", "silence", "low_confidence", "known_phrase")
    assert (flagged.text, flagged.avg_logprob, flagged.start, flagged.end) == ("you", -2.0, 0, 5)


def a_transcript(**others: Any) -> Transcript:
    """A transcript that nothing speaks against."""
    fields: dict[str, Any] = {
        "text": "a",
        "segments": (a_segment(0, 1),),
        "timestamps": "segment",
        "language": Language("de", 0.9),
        "duration_seconds": 10,
        "speech_seconds": 5,
        "coverage": 0.9,
    }
    return Transcript(**{**fields, **others})


@pytest.mark.parametrize(
    ("others", "languages", "flags"),
    [
        ({}, None, ()),
        ({"speech_seconds": 0, "coverage": None}, None, ("no_speech",)),
        ({"coverage": 0.4}, None, ("low_coverage",)),
        ({"language": Language("de", 0.4)}, None, ("language_uncertain",)),
        ({"language": Language("de")}, None, ()),
        ({"language": None}, None, ()),
        ({"language": Language("en")}, ("en",), ("english_only_model",)),
        ({"language": Language("de")}, ("de", "en"), ()),
        ({"timestamps": "piece", "coverage": None}, None, ("text_only",)),
    ],
)
def test_flags_of_a_transcript(
    others: dict[str, Any], languages: tuple[str, ...] | None, flags: tuple[str, ...]
) -> None:
    """What to know of it as a whole; None is nothing against it."""
    assert flag_transcript(a_transcript(**others), Capability("segment", languages=languages)) == flags


def test_speech_under_segments_counts_once() -> None:
    """Two segments over the same speech cover it once; speech that lies under none is not covered."""
    spoken = SpokenTime([Speech(0, 10), Speech(20, 30)])
    assert spoken.seconds == 20
    assert spoken.seconds_under([a_segment(5, 8), a_segment(0, 7), a_segment(9, 22)]) == pytest.approx(11)
    assert [spoken.seconds_between(*pair) for pair in ((5, 25), (10, 20), (40, 50))] == [10, 0, 0]
    assert [spoken.time_after(seconds) for seconds in (0, 4, 10, 15, 99)] == [0, 4, 20, 25, 30]
