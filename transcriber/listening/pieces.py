"""Pieces: an audio's length and where somebody speaks go in, stretches to take at once come out; and their joining."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from transcriber.backends.backend import Speech

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transcriber.backends.backend import Capability
    from transcriber.speech import Segment

_PCM_BYTES_A_SECOND = 32_000
_HEADERS_BYTES = 65_536
_DOUBLED_IS_WORSE = 2.0
_FAR_FROM_MIDDLE = 0.1
_LOST_IS_WORST = 20.0
_ENDS_DIFFER_BY = 0.5  # seconds; two pieces seldom tell a sentence's end more alike


@dataclass(frozen=True, slots=True)
class Limits:
    """How pieces are cut: in the longest pause between `earliest` and `longest` seconds from a piece's start.

    `overlap` is how many seconds two pieces share where nobody pauses.
    """

    earliest: float
    longest: float
    overlap: float


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of an audio, in seconds from its start."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end - self.start


def to_limits(capability: Capability) -> Limits:
    """Five minutes for whoever gives times, about one for whoever gives none; less where a backend takes less.

    Bytes are counted as 16-bit PCM, the largest form that audio is sent in. Text without times can't be joined by
    time, so its pieces share nothing.
    """
    timed = capability.timestamps != "none"
    longest = 300.0 if timed else 90.0
    if capability.max_piece_seconds is not None:
        longest = min(longest, capability.max_piece_seconds)
    if capability.max_piece_bytes is not None:
        longest = min(longest, (capability.max_piece_bytes - _HEADERS_BYTES) / _PCM_BYTES_A_SECOND)
    return Limits(longest * (0.6 if timed else 0.45), longest, min(10.0, longest / 10) if timed else 0.0)


def plan_pieces(seconds: float, speech: Sequence[Speech], limits: Limits) -> tuple[Stretch, ...]:
    """Stretches that cover the whole audio, none longer than the limit, none of a few seconds left at the end."""
    pieces = []
    start = 0.0
    while seconds - start > limits.longest:
        latest = min(limits.longest, seconds - start - limits.longest / 10)
        pause = _longest_pause(speech, start + latest * limits.earliest / limits.longest, start + latest)
        if pause is None:
            pieces.append(Stretch(start, round(start + latest, 3)))
            start = round(start + latest - limits.overlap, 3)
        else:
            cut = round((pause.start + pause.end) / 2, 3)
            pieces.append(Stretch(start, cut))
            start = cut
    return (*pieces, Stretch(start, seconds))


def _longest_pause(speech: Sequence[Speech], earliest: float, latest: float) -> Stretch | None:
    """The longest stretch between the two times in which nobody speaks; the later of two that are as long."""
    edges = [earliest]
    for part in keep_within(speech, Stretch(earliest, latest)):
        edges += [part.start, part.end]
    edges.append(latest)
    pauses = [Stretch(*pair) for pair in list(pairwise(edges))[::2] if pair[1] > pair[0]]
    return max(reversed(pauses), key=lambda pause: round(pause.seconds, 3), default=None)


def keep_within(speech: Sequence[Speech], stretch: Stretch) -> tuple[Speech, ...]:
    """Speech inside a stretch, cut off at its ends; times stay those of the audio."""
    inside = (Speech(max(part.start, stretch.start), min(part.end, stretch.end)) for part in speech)
    return tuple(part for part in inside if part.end > part.start)


def to_piece_times(speech: Sequence[Speech], stretch: Stretch) -> tuple[Speech, ...]:
    """Speech inside a stretch, in seconds from the stretch's start."""
    return tuple(Speech(part.start - stretch.start, part.end - stretch.start) for part in keep_within(speech, stretch))


def join_segments(heard: Sequence[tuple[Stretch, Sequence[Segment]]]) -> tuple[Segment, ...]:
    """Segments of all pieces as one run, in times of the whole audio; what two pieces both heard is in it once."""
    joined: list[Segment] = []
    before: Stretch | None = None
    for stretch, segments in heard:
        if before is None or before.end <= stretch.start:
            joined += segments
        else:
            joined = _join_at_a_sentence(joined, list(segments), Stretch(stretch.start, before.end))
        before = stretch
    return tuple(joined)


def _join_at_a_sentence(left: list[Segment], right: list[Segment], shared: Stretch) -> list[Segment]:
    """Go over from one piece to the next where a sentence ends in both, near the middle of what they share.

    The last sentence of the left piece and the first of the right one are most likely cut off, so neither piece is
    followed to its edge while there is a better place. A sentence that only one of them has whole is kept: where both
    can't be had without it, what is shared stands twice.
    """
    middle = (shared.start + shared.end) / 2
    first_kept = len(left) - sum(segment.end > shared.start for segment in left)
    last_dropped = sum(segment.start < shared.end for segment in right)
    places = [(i, j) for i in range(first_kept, len(left) + 1) for j in range(last_dropped + 1)]

    def cost(place: tuple[int, int]) -> float:
        i, j = place
        left_until = max(shared.start, left[i - 1].end if i else shared.start)
        right_from = min(shared.end, right[j].start if j < len(right) else shared.end)
        gap, doubled = max(0.0, right_from - left_until), max(0.0, left_until - right_from)
        kept_until = left[i - 1].end if i else -math.inf
        kept_from = right[j].start if j < len(right) else math.inf
        lost = max(0.0, _seconds_between([*left[i:], *right[:j]], kept_until, kept_from) - _ENDS_DIFFER_BY)
        away = abs((left_until + right_from) / 2 - middle)
        return gap + lost * _LOST_IS_WORST + doubled * _DOUBLED_IS_WORSE + away * _FAR_FROM_MIDDLE

    i, j = min(places, key=cost)
    return left[:i] + right[j:]


def _seconds_between(segments: Sequence[Segment], start: float, end: float) -> float:
    """How much of the time between the two is under segments, under how many ever."""
    seconds = 0.0
    for segment in sorted(segments, key=lambda one: one.start):
        start = max(start, segment.start)
        until = min(segment.end, end)
        if until > start:
            seconds += until - start
            start = until
    return seconds
