"""Answers of speech servers in our terms: text, times, numbers and languages, whatever the dialect."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transcriber.backends.building import a_tone
from transcriber.backends.backend import Speech
from transcriber.backends.openai_answers import AnswerUnreadable, Said, read_answer, to_language, to_segments
from transcriber.backends.openai_languages import to_language_code
from transcriber.speech import Language, Segment, Word

JSON = "application/json"
PIECE = a_tone(10.0)


def a_segment(**fields: Any) -> dict[str, Any]:
    """A segment as OpenAI gives it."""
    return {"id": 0, "start": 1.0, "end": 2.0, "text": " Hello.", "avg_logprob": -0.3, "no_speech_prob": 0.1, **fields}


def segments_of(*segments: Any, **fields: Any) -> tuple[Segment, ...]:
    """What comes of an answer with segments."""
    said = Said({"text": "Hello.", "segments": list(segments), **fields})
    return to_segments(said, PIECE, word_times=True)


def test_a_segment_as_openai_gives_it() -> None:
    """Numbers stay, the space before the text goes, ids and tokens are left."""
    found = segments_of(a_segment(compression_ratio=1.1, temperature=0.0, seek=0, tokens=[1]))
    assert found == (Segment(1.0, 2.0, "Hello.", -0.3, 0.1, 1.1, 0.0),)


@pytest.mark.parametrize("absent", [None, -1.0, 0, 0.0, "NaN", "", [], True, 1e400])
def test_a_number_that_a_server_does_not_know_is_none(absent: object) -> None:
    """Placeholders of vLLM and others are not taken for numbers."""
    found = segments_of(a_segment(avg_logprob=absent, no_speech_prob=absent, compression_ratio=absent))
    assert found == (Segment(1.0, 2.0, "Hello."),)


def test_missing_numbers_are_none() -> None:
    """whisper.cpp has no compression ratio; a segment may have times and text only."""
    assert segments_of({"start": 1, "end": 2, "text": "a"}) == (Segment(1.0, 2.0, "a"),)


def test_nan_in_a_body_is_as_absent() -> None:
    """Python servers write NaN, which is no JSON; it never becomes a number or a time."""
    body = b'{"text": "a", "segments": [{"start": NaN, "end": Infinity, "text": "a", "avg_logprob": NaN}]}'
    assert to_segments(read_answer(body, JSON), PIECE, word_times=False) == (Segment(0.0, 0.0, "a"),)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (1.0, 2.0, (1.0, 2.0)),
        ("1.5", "2.5", (1.5, 2.5)),
        (3.0, 2.0, (3.0, 3.0)),
        (-1.0, 2.0, (0.0, 2.0)),
        (9.0, 29.98, (9.0, 10.0)),
        (30.0, 31.0, (10.0, 10.0)),
        (None, None, (0.0, 0.0)),
        (None, 2.0, (0.0, 2.0)),
        (1.0, None, (1.0, 1.0)),
    ],
)
def test_times_lie_within_the_piece(start: object, end: object, expected: tuple[float, float]) -> None:
    """An end before its start, times beyond the piece, and missing ones are put right."""
    (found,) = segments_of(a_segment(start=start, end=end))
    assert (found.start, found.end) == expected


def test_segments_come_in_order_and_with_text() -> None:
    """What is no segment, or an empty one, is left out."""
    found = segments_of(a_segment(start=5, end=6), a_segment(text="  "), None, "x", {"text": 1}, a_segment())
    assert [segment.start for segment in found] == [1.0, 5.0]


def test_words_beside_the_segments() -> None:
    """OpenAI and speaches list words at the top: each goes to the segment its middle lies in."""
    words = [
        {"word": "One", "start": 0.5, "end": 1.0},
        {"word": "two", "start": 1.0, "end": 2.2, "probability": 0.5},
        {"word": " three ", "start": 1.9, "end": 3.0},
    ]
    found = segments_of(a_segment(start=0, end=2, text="One two"), a_segment(start=2, end=4, text="three"), words=words)
    assert [segment.words for segment in found] == [
        (Word(0.5, 1.0, "One"), Word(1.0, 2.2, "two", 0.5)),
        (Word(1.9, 3.0, "three"),),
    ]


def test_words_within_the_segments() -> None:
    """whisper.cpp nests them."""
    words = [{"word": " Hello", "start": 1.0, "end": 2.0, "t_dtw": -1, "probability": 0.9}, {"word": ""}, 7]
    assert segments_of(a_segment(words=words))[0].words == (Word(1.0, 2.0, "Hello", 0.9),)


def test_words_that_nobody_asked_for() -> None:
    """They are left out, so that one model's transcripts look the same wherever it runs."""
    said = Said({"segments": [a_segment(words=[{"word": "Hello", "start": 1, "end": 2}])]})
    assert to_segments(said, PIECE, word_times=False)[0].words == ()


@pytest.mark.parametrize("fields", [{}, {"segments": None}, {"segments": []}, {"segments": [{"text": " "}]}])
def test_text_alone_is_one_segment(fields: dict[str, Any]) -> None:
    """It lies over the stretch in which somebody speaks; its numbers are None."""
    piece = a_tone(10.0, speech=(Speech(1.0, 2.0), Speech(6.0, 9.5)))
    said = Said({"text": " Good morning.\n", **fields})
    assert to_segments(said, piece, word_times=False) == (Segment(1.0, 9.5, "Good morning."),)


@pytest.mark.parametrize("text", ["", " \n", None, 5, "\x00"])
def test_no_text_is_no_segment(text: object) -> None:
    """Where nothing is said there is nothing."""
    assert to_segments(Said({"text": text}), PIECE, word_times=True) == ()


def test_text_can_be_stored() -> None:
    """A lone surrogate and NUL, which no database takes, are not passed on."""
    said = read_answer(rb'{"text": "a\ud800b\u0000c \ud83d\ude00"}', JSON)
    assert to_segments(said, PIECE, word_times=False)[0].text == "a\N{REPLACEMENT CHARACTER}bc \N{GRINNING FACE}"


@pytest.mark.parametrize(
    ("fields", "language"),
    [
        ({"language": "english"}, Language("en")),
        ({"language": "en"}, Language("en")),
        ({"language": "pt-BR"}, Language("pt")),
        ({"languages": [{"code": "de"}]}, Language("de")),
        ({"languages": [{"code": "de"}, {"code": "fr"}]}, Language("de")),
        ({"languages": []}, None),
        ({"languages": ["es"]}, Language("es")),
        ({"languages": [None], "language": "it"}, Language("it")),
        ({"language": "english", "detected_language_probability": 0.75}, Language("en", 0.75)),
        ({"language": "klingon"}, None),
        ({"language": ""}, None),
        ({"language": None}, None),
        ({"language": "auto"}, None),
        ({"language": "und"}, None),
        ({}, None),
    ],
)
def test_the_language_of_an_answer(fields: dict[str, Any], language: Language | None) -> None:
    """A name, a code, a tag, a list, and what is none."""
    assert to_language(Said({"text": "", **fields})) == language


def test_every_name_of_whisper_has_its_code() -> None:
    """Whisper's own tokenizer, less its two names of a language apart, is the oracle; "jw" is "jv" in ISO 639-1."""
    tokenizer = pytest.importorskip("faster_whisper.tokenizer")
    for code in tokenizer._LANGUAGE_CODES:  # noqa: SLF001  (the list has no public name)
        assert to_language_code(code) == ("jv" if code == "jw" else code)


@pytest.mark.parametrize(
    ("name", "code"),
    [("Haitian Creole", "ht"), ("castilian", "es"), ("javanese", "jv"), ("jw", "jv"), ("iw", "he"), ("yue-HK", "yue")],
)
def test_names_with_a_turn(name: str, code: str) -> None:
    """Two words, another name of the same, and codes that ISO has given up."""
    assert to_language_code(name) == code


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", JSON),
        (b'{"text": "Go', JSON),
        (b'{"text": "Go', "text/plain"),
        (b"null", JSON),
        (b"[]", JSON),
        (b"12", JSON),
        (b"{}", JSON),
        (b'{"status": "queued"}', JSON),
        (b"<html></html>", "text/html"),
        (b" <!doctype html>", ""),
        (b"[" * 100_000, JSON),
        (b'{"text": ' + b"9" * 5000 + b"}", JSON),
    ],
)
def test_a_body_that_is_no_transcript(body: bytes, content_type: str) -> None:
    """Cut off, a page, or another thing: it is not taken for what somebody said."""
    with pytest.raises(AnswerUnreadable):
        read_answer(body, content_type)


@pytest.mark.parametrize(
    ("body", "content_type", "is_text"),
    [
        (b'{"text": "Hi"}', JSON, False),
        (b'{"text": "Hi"}', "text/plain", False),
        (b"Hi", "text/plain", True),
        (b"Hi", "", True),
        (b'"Hi"', JSON, True),
    ],
)
def test_what_kind_of_answer_it_is(body: bytes, content_type: str, *, is_text: bool) -> None:
    """JSON by another name is JSON; bare text is text."""
    said = read_answer(body, content_type)
    assert (said.fields["text"], said.is_text) == ("Hi", is_text)


numbers = st.one_of(st.none(), st.floats(), st.integers(), st.text(max_size=5), st.booleans())
texts = st.one_of(st.none(), st.text(max_size=8), st.integers())
words = st.lists(st.one_of(st.none(), st.fixed_dictionaries({"word": texts, "start": numbers, "end": numbers})))
given_segments = st.fixed_dictionaries(
    {"text": texts, "start": numbers, "end": numbers, "avg_logprob": numbers, "no_speech_prob": numbers, "words": words}
)


@given(st.fixed_dictionaries({"text": texts, "segments": st.lists(given_segments), "words": words}))
def test_any_answer_gives_segments_that_hold(fields: dict[str, Any]) -> None:
    """Whatever the fields hold: in order, within the piece, with text, and of finite numbers."""
    found = to_segments(Said(fields), PIECE, word_times=True)
    assert [segment.start for segment in found] == sorted(segment.start for segment in found)
    for segment in found:
        assert 0 <= segment.start <= segment.end <= 10
        assert segment.text == segment.text.strip() != ""
        assert segment.no_speech_prob is None or 0 < segment.no_speech_prob <= 1
        assert all(0 <= word.start <= word.end <= 10 for word in segment.words)
        json.dumps(segment.text.encode().decode()), json.dumps([segment.avg_logprob], allow_nan=False)
