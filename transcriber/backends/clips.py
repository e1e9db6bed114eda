"""Clips: a piece and its speech go in, samples of speech alone come out, and times in them as times in the piece."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from transcriber.backends.backend import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from transcriber.backends.backend import Piece, Speech

JOINED_PAUSE = 2.0
"""Seconds: a shorter pause between two people's words stays in the clip, as faster-whisper's own filter has it."""

PADDING = 0.4
"""Seconds of sound kept before and after speech."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A stretch of a piece that is heard; `offset` is where it begins among the clips laid end to end. Seconds."""

    start: float
    end: float
    offset: float

    @property
    def offset_end(self) -> float:
        """Where it ends among the clips."""
        return self.offset + self.end - self.start


@dataclass(frozen=True, slots=True)
class Clips:
    """What a model is given of a piece: `samples`, which leave long pauses out. Empty where nobody speaks."""

    samples: npt.NDArray[np.float32]
    _clips: tuple[Clip, ...]

    def to_piece_times(self, start: float, end: float) -> tuple[float, float]:
        """When a sentence of the clips begins and ends in the piece.

        One that reaches into the sound around a clip's speech, but not to the speech, does not leap over the pause
        before it: its end would be minutes late.
        """
        touched = [clip for clip in self._clips if clip.offset_end > start and clip.offset < end]
        if not touched:
            touched = [clip for clip in self._clips if clip.offset <= start][-1:] or [self._clips[0]]
        while len(touched) > 1 and min(end, touched[-1].offset_end) - touched[-1].offset <= PADDING:
            touched.pop()
        while len(touched) > 1 and touched[0].offset_end - max(start, touched[0].offset) <= PADDING:
            touched.pop(0)
        first, last = touched[0], touched[-1]
        begins = first.start + min(max(start - first.offset, 0.0), first.end - first.start)
        ends = last.start + min(max(end - last.offset, 0.0), last.end - last.start)
        return round(float(begins), 3), round(float(max(begins, ends)), 3)  # a model's times are NumPy's


def keep_speech(piece: Piece) -> Clips:
    """The parts of a piece in which somebody speaks, with a little sound around each and short pauses between."""
    bounds = _join_near(piece.speech, piece.seconds)
    clips: list[Clip] = []
    for first, last in bounds:
        offset = clips[-1].offset_end if clips else 0.0
        clips.append(Clip(first / SAMPLE_RATE, last / SAMPLE_RATE, offset))
    if len(bounds) == 1 and bounds[0] == (0, len(piece.samples)):
        return Clips(piece.samples, tuple(clips))
    parts = [piece.samples[first:last] for first, last in bounds]
    return Clips(np.concatenate(parts) if parts else np.empty(0, np.float32), tuple(clips))


def _join_near(speech: Sequence[Speech], seconds: float) -> list[tuple[int, int]]:
    """First and last sample of each clip."""
    if not speech:
        return []
    breaks = [(a.end, b.start) for a, b in pairwise(speech) if b.start - a.end >= JOINED_PAUSE]
    starts = [speech[0].start, *(start for _, start in breaks)]
    ends = [*(end for end, _ in breaks), speech[-1].end]
    return [
        (round(max(0.0, start - PADDING) * SAMPLE_RATE), round(min(seconds, end + PADDING) * SAMPLE_RATE))
        for start, end in zip(starts, ends, strict=True)
    ]
