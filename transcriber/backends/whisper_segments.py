"""Segments as faster-whisper gives them, in times of clips, go in; segments in times of their piece come out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from transcriber.speech import Segment, Word

if TYPE_CHECKING:
    from transcriber.backends.clips import Clips


def to_segment(found: Any, clips: Clips) -> Segment:
    """One segment with its words; a number that is none is None."""
    start, end = clips.to_piece_times(found.start, found.end)
    return Segment(
        start=start,
        end=end,
        text=found.text.strip(),
        avg_logprob=_number(found.avg_logprob),
        no_speech_prob=_number(found.no_speech_prob),
        compression_ratio=_number(found.compression_ratio),
        temperature=_number(found.temperature),
        words=tuple(_to_word(word, clips) for word in found.words or ()),
    )


def _to_word(found: Any, clips: Clips) -> Word:
    start, end = clips.to_piece_times(found.start, found.end)
    return Word(start, end, found.word.strip(), _number(found.probability))


def _number(found: float | None) -> float | None:
    return None if found is None or not math.isfinite(found) else round(float(found), 5)
