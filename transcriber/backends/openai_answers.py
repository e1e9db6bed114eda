"""Answers of speech servers: a body in any dialect goes in, segments and a language in our terms come out."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from transcriber.backends.openai_languages import to_language_code
from transcriber.speech import Language, Segment, Word

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from transcriber.backends.backend import Piece


class AnswerUnreadable(Exception):
    """Raised when an answer with status 200 is no transcript: cut off, a web page, or something else."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a server says. `is_text` where it gave bare text, whatever was asked for."""

    fields: Mapping[str, Any]
    is_text: bool = False

    @property
    def is_error(self) -> bool:
        """True for an error that came with status 200, as whisper.cpp sends it."""
        return bool(self.fields.get("error")) and not self.fields.get("text")

    @property
    def lacks_segments(self) -> bool:
        """True for text that comes without the segments it is made of, whatever was asked for."""
        listed = self.fields.get("segments")
        return bool(_text(self.fields.get("text"))) and not (isinstance(listed, list) and listed)


def read_answer(content: bytes, content_type: str) -> Said:
    """Read the body of an answer with status 200. NaN and Infinity, which are no JSON, are as absent.

    Raises AnswerUnreadable.
    """
    try:
        body = json.loads(content, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return _read_text(content, content_type)
    if isinstance(body, str):
        return Said({"text": body}, is_text=True)
    if not isinstance(body, dict):
        raise AnswerUnreadable("it is no object")
    if not ("text" in body or "segments" in body or "error" in body):
        raise AnswerUnreadable("it has no text")
    return Said(body)


def _read_text(content: bytes, content_type: str) -> Said:
    text = content.decode("utf-8", "replace")
    if "json" in content_type.lower() or text.lstrip()[:1] in {"{", "[", '"'}:
        raise AnswerUnreadable("it is broken JSON")
    if "html" in content_type.lower() or text.lstrip()[:1] == "<":
        raise AnswerUnreadable("it is a web page")
    return Said({"text": text}, is_text=True)


def to_language(said: Said) -> Language | None:
    """The language of an answer, from `languages`, `language` or `detected_language`."""
    listed = said.fields.get("languages")
    first = listed[0] if isinstance(listed, list) and listed else None
    named = (first.get("code") if isinstance(first, dict) else first, said.fields.get("language"))
    code = next((code for name in named if (code := to_language_code(name))), None)
    if code is None:
        return None
    probability = _first_of(said.fields, "language_probability", "detected_language_probability")
    return Language(code, _probability(probability))


def to_segments(said: Said, piece: Piece, *, word_times: bool) -> tuple[Segment, ...]:
    """The segments of an answer in order, all within the piece.

    An answer without segments is one, over the stretch in which somebody speaks; one without text is none.
    """
    words = _words(said.fields.get("words"), piece.seconds) if word_times else ()
    listed = said.fields.get("segments")
    found = _segments(listed, piece.seconds, word_times=word_times) if isinstance(listed, list) else ()
    if not found:
        return _whole(said, piece, words)
    return _with_words(found, words) if words else found


def _whole(said: Said, piece: Piece, words: tuple[Word, ...]) -> tuple[Segment, ...]:
    text = _text(said.fields.get("text"))
    if not text:
        return ()
    start = piece.speech[0].start if piece.speech else 0.0
    end = piece.speech[-1].end if piece.speech else piece.seconds
    return (Segment(*_within(start, end, piece.seconds), text, words=words),)


def _segments(listed: list[Any], seconds: float, *, word_times: bool) -> tuple[Segment, ...]:
    found: list[Segment] = []
    for given in listed:
        text = _text(given.get("text")) if isinstance(given, dict) else ""
        if text:
            before = found[-1].end if found else 0.0
            start, end = _times(given, before, seconds)
            words = _words(given.get("words"), seconds) if word_times else ()
            found.append(Segment(start, end, text, *_numbers(given), words=words))
    return tuple(sorted(found, key=lambda segment: segment.start))


def _numbers(given: Mapping[str, Any]) -> tuple[float | None, float | None, float | None, float | None]:
    """avg_logprob, no_speech_prob, compression_ratio, temperature; servers write 0 or -1 for what they don't know."""
    logprob, ratio = _number(given.get("avg_logprob")), _number(given.get("compression_ratio"))
    temperature = _number(given.get("temperature"))
    return (
        logprob if logprob is not None and logprob < 0 and logprob != -1 else None,
        _probability(given.get("no_speech_prob")),
        ratio if ratio is not None and ratio > 0 else None,
        temperature if temperature is not None and temperature >= 0 else None,
    )


def _words(listed: object, seconds: float) -> tuple[Word, ...]:
    return tuple(sorted(_each_word(listed, seconds), key=lambda word: word.start))


def _each_word(listed: object, seconds: float) -> Iterator[Word]:
    before = 0.0
    for given in listed if isinstance(listed, list) else []:
        text = _text(_first_of(given, "word", "text")) if isinstance(given, dict) else ""
        if text:
            start, before = _times(given, before, seconds)
            yield Word(start, before, text, _probability(_first_of(given, "probability", "score")))


def _with_words(segments: tuple[Segment, ...], words: tuple[Word, ...]) -> tuple[Segment, ...]:
    """Give each word to the last segment that begins before its middle."""
    of_segment: list[list[Word]] = [[] for _ in segments]
    at = 0
    for word in words:
        middle = (word.start + word.end) / 2
        while at + 1 < len(segments) and segments[at + 1].start <= middle:
            at += 1
        of_segment[at].append(word)
    return tuple(
        Segment(
            segment.start,
            segment.end,
            segment.text,
            segment.avg_logprob,
            segment.no_speech_prob,
            segment.compression_ratio,
            segment.temperature,
            words=tuple(given) or segment.words,
        )
        for segment, given in zip(segments, of_segment, strict=True)
    )


def _times(given: Mapping[str, Any], before: float, seconds: float) -> tuple[float, float]:
    """Start and end within the piece; a start that isn't given is where the one before ended."""
    start = _number(given.get("start"))
    start = before if start is None else start
    end = _number(given.get("end"))
    return _within(start, start if end is None else end, seconds)


def _within(start: float, end: float, seconds: float) -> tuple[float, float]:
    start = min(max(start, 0.0), seconds)
    return start, min(max(end, start), seconds)


def _first_of(given: Mapping[str, Any], *names: str) -> Any:
    return next((given[name] for name in names if given.get(name) is not None), None)


def _probability(value: object) -> float | None:
    """A number above 0, to 1: no model is sure of nothing, 0 stands where a server does not know."""
    number = _number(value)
    return number if number is not None and 0 < number <= 1 else None


def _number(value: object) -> float | None:
    """A finite number, which vLLM writes as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _text(value: object) -> str:
    """Text as it can be stored: lone surrogates replaced, no NUL, no space around it."""
    if not isinstance(value, str):
        return ""
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\x00", "").strip()
