"""Spoken time: stretches of speech go in, and how many seconds of it lie under sentences comes out."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from transcriber.backends.backend import Speech
    from transcriber.speech import Segment


class SpokenTime:
    """Speech of an audio, in order and apart from each other, made ready to be asked often."""

    def __init__(self, speech: Sequence[Speech]) -> None:
        self._speech = speech
        self._starts = [part.start for part in speech]
        self._until = list(accumulate((part.end - part.start for part in speech), initial=0.0))

    @property
    def seconds(self) -> float:
        """All of it."""
        return self._until[-1]

    def time_after(self, seconds: float) -> float:
        """When so much of it has been said; the end of the last of it if there is less."""
        if not self._speech:
            return 0.0
        index = min(bisect_right(self._until, seconds) - 1, len(self._speech) - 1)
        part = self._speech[index]
        return min(part.end, part.start + seconds - self._until[index])

    def seconds_between(self, start: float, end: float) -> float:
        """How much of it lies between two times."""
        return max(0.0, self._seconds_before(end) - self._seconds_before(start))

    def seconds_under(self, segments: Iterable[Segment]) -> float:
        """How much of it sentences lie over; what two of them lie over counts once."""
        covered, reached = 0.0, 0.0
        for segment in sorted(segments, key=lambda one: one.start):
            covered += self.seconds_between(max(segment.start, reached), segment.end)
            reached = max(reached, segment.end)
        return covered

    def _seconds_before(self, time: float) -> float:
        index = bisect_right(self._starts, time)
        if not index:
            return 0.0
        part = self._speech[index - 1]
        return self._until[index - 1] + min(time, part.end) - part.start
