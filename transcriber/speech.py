"""What is said, as frozen values: words in segments in a transcript. Times are seconds from the start of the audio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Timestamps = Literal["none", "piece", "segment", "word"]
"""How closely times are known: not at all, to a stretch of audio, to a sentence or so, to a word."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word and how sure the model is of it, 0 to 1; None where a backend does not say."""

    start: float
    end: float
    text: str
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A sentence or so. A number that a backend does not give is None: never 0 or -1 in its place.

    `flags` say why it may be made up or wrong; nothing is ever removed for them.
    """

    start: float
    end: float
    text: str
    avg_logprob: float | None = None
    no_speech_prob: float | None = None
    compression_ratio: float | None = None
    temperature: float | None = None
    words: tuple[Word, ...] = ()
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Language:
    """A language as an ISO 639-1 code, and how sure a model is of it, 0 to 1; None where it does not say."""

    code: str
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class Transcript:
    """All that is said in one audio, in order. `text` is the whole of it, flagged segments included.

    `coverage` is the share of the speech seconds that segments lie over; None where nobody speaks or
    there are no times.
    """

    text: str
    segments: tuple[Segment, ...]
    timestamps: Timestamps
    language: Language | None
    duration_seconds: float
    speech_seconds: float | None = None
    coverage: float | None = None
    flags: tuple[str, ...] = ()
