"""Flags: segments, and the speech they should lie over, go in; why one may be made up or wrong comes out. Pure.

Nothing is ever removed for a flag. Thresholds were chosen over real clips of speech, noise and silence, which
`make bench-speech` goes over again.
"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from transcriber.listening.stock_phrases import is_stock_phrase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transcriber.backends.backend import Capability
    from transcriber.listening.spoken import SpokenTime
    from transcriber.speech import Segment, Transcript

_SILENT_SECONDS = 0.15
_SILENT_SHARE = 0.05
_LOW_LOGPROB = -1.0
_HIGH_COMPRESSION = 2.4
_NO_SPEECH_PROB, _NO_SPEECH_LOGPROB = 0.6, -0.8
_WEAK_LOGPROB, _WEAK_NO_SPEECH_PROB, _WEAK_SHARE, _WEAK_TEMPERATURE = -0.6, 0.5, 0.3, 0.5
_LEAST_REPEATS = 3
_LOW_COVERAGE = 0.5
_UNCERTAIN_LANGUAGE = 0.5
_LOOP = re.compile(r"(.{2,60}?)\1{3,}", re.DOTALL)
_LEAST_LOOP_BYTES = 40
_NOT_WORDS = re.compile(r"[\W_]+")


def flag_segments(segments: Sequence[Segment], spoken: SpokenTime, *, timed: bool) -> tuple[Segment, ...]:
    """Segments with their flags; where texts have no times of their own, speech under them says nothing.

    - `silence`: the detector hears nobody under it.
    - `no_speech`: the model itself thinks so, and is not sure of the text.
    - `low_confidence`: the model guesses.
    - `repetition`: the text goes round in circles, within it or from the segments before it.
    - `known_phrase`: Whisper writes it where nobody says it, and little speaks for it here.
    """
    repeated = _find_repeated(segments)
    return tuple(
        replace(segment, flags=(*segment.flags, *_flags(segment, spoken, timed=timed, repeated=index in repeated)))
        for index, segment in enumerate(segments)
    )


def _flags(segment: Segment, spoken: SpokenTime, *, timed: bool, repeated: bool) -> list[str]:
    under = spoken.seconds_between(segment.start, segment.end)
    share = under / max(segment.end - segment.start, 0.01) if timed else 1.0
    reasons = {
        "silence": timed and (under < _SILENT_SECONDS or share < _SILENT_SHARE),
        "no_speech": _above(segment.no_speech_prob, _NO_SPEECH_PROB)
        and _below(segment.avg_logprob, _NO_SPEECH_LOGPROB),
        "low_confidence": _below(segment.avg_logprob, _LOW_LOGPROB),
        "repetition": repeated
        or _above(segment.compression_ratio, _HIGH_COMPRESSION)
        or _goes_in_circles(segment.text),
        "known_phrase": _is_weak(segment, share) and is_stock_phrase(segment.text),
    }
    return [name for name, holds in reasons.items() if holds and name not in segment.flags]


def _is_weak(segment: Segment, share: float) -> bool:
    """Whether little speaks for a text; people do say thank you, and then the model is sure of it."""
    return (
        share < _WEAK_SHARE
        or _below(segment.avg_logprob, _WEAK_LOGPROB)
        or _above(segment.no_speech_prob, _WEAK_NO_SPEECH_PROB)
        or _above(segment.temperature, _WEAK_TEMPERATURE)
    )


def _above(number: float | None, threshold: float) -> bool:
    return number is not None and number > threshold


def _below(number: float | None, threshold: float) -> bool:
    return number is not None and number < threshold


def _find_repeated(segments: Sequence[Segment]) -> set[int]:
    """Places of segments that say what the one before says, three times or more; the first of them may be real."""
    repeated: set[int] = set()
    for text, run in groupby(range(len(segments)), key=lambda index: _words(segments[index].text)):
        places = list(run)
        if text and len(places) >= _LEAST_REPEATS:
            repeated.update(places[1:])
    return repeated


def _goes_in_circles(text: str) -> bool:
    """Whether most of a text is one phrase over and over; "no, no, no, no" is too short to tell.

    Bytes are counted, as one Chinese character says as much as some Latin ones.
    """
    words = _words(text) + " "
    loops = [found[0] for found in _LOOP.finditer(words) if len(found[0].encode()) >= _LEAST_LOOP_BYTES]
    return sum(map(len, loops)) * 2 > len(words)


def _words(text: str) -> str:
    return _NOT_WORDS.sub(" ", text.casefold()).strip()


def flag_transcript(transcript: Transcript, capability: Capability) -> tuple[str, ...]:
    """What to know of a transcript as a whole.

    - `no_speech`: the detector hears nobody in the audio.
    - `low_coverage`: half of the speech or more is under no segment.
    - `language_uncertain`: the model is not sure which language it is.
    - `english_only_model`: the model writes English whatever is spoken.
    - `text_only`: the backend gave no times and no numbers to judge by.
    """
    reasons = {
        "no_speech": transcript.speech_seconds == 0,
        "low_coverage": _below(transcript.coverage, _LOW_COVERAGE),
        "language_uncertain": transcript.language is not None
        and _below(transcript.language.probability, _UNCERTAIN_LANGUAGE),
        "english_only_model": capability.languages == ("en",),
        "text_only": transcript.timestamps in {"none", "piece"},
    }
    return tuple(name for name, holds in reasons.items() if holds)
