"""Sentences of a transcript: segments go in, what a message holds of them comes out, as any table can hold it. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from transcriber.speech import Segment, Word

_LONGEST_TEXT = 100_000


def to_sentences(segments: Iterable[Segment], *, words: bool) -> list[dict[str, Any]]:
    """Segments as a message has them; one with more text than a sentence may have is several, of the same time."""
    return [_segment(part, words=words) for segment in segments for part in _parts(segment)]


def _parts(segment: Segment) -> Iterator[Segment]:
    """The segment, cut between words as often as the table asks for; its words' times stay with the first part."""
    text = to_plain(segment.text).strip()
    words = segment.words
    while len(text) > _LONGEST_TEXT:
        space = text.rfind(" ", 1, _LONGEST_TEXT + 1)
        cut = _LONGEST_TEXT if space < 0 else space
        yield replace(segment, text=text[:cut].rstrip(), words=words)
        text, words = text[cut:].strip(), ()
    yield replace(segment, text=text, words=words)


def _segment(segment: Segment, *, words: bool) -> dict[str, Any]:
    return {
        "start": round(max(segment.start, 0.0), 3),
        "end": round(max(segment.end, 0.0), 3),
        "text": segment.text,
        "avg_logprob": segment.avg_logprob,
        "no_speech_prob": to_share(segment.no_speech_prob),
        "compression_ratio": segment.compression_ratio,
        "temperature": segment.temperature,
        "words": [_word(word) for word in segment.words] if words and segment.words else None,
        "flags": list(segment.flags) or None,
    }


def _word(word: Word) -> dict[str, Any]:
    return {
        "start": round(max(word.start, 0.0), 3),
        "end": round(max(word.end, 0.0), 3),
        "word": to_plain(word.text),
        "probability": word.probability,
    }


def join_text(segments: Iterable[Segment]) -> str:
    """All that segments say, as one text."""
    return " ".join(text for segment in segments if (text := to_plain(segment.text).strip()))


def to_share(number: float | None) -> float | None:
    """A number from 0 to 1, which sums of a computer's leave by a hair."""
    return None if number is None else min(max(number, 0.0), 1.0)


def to_plain(text: str) -> str:
    """The text without what no table can hold: U+0000 and halves of characters, both shown as U+FFFD."""
    return text.replace("\x00", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def to_plain_or_none(text: str | None) -> str | None:
    """The same of a text that may be missing."""
    return None if text is None else to_plain(text)
