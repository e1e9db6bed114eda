"""The language of an audio: where somebody speaks goes in, places spread over it vote, the language comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transcriber.listening.pieces import Stretch
from transcriber.listening.spoken import SpokenTime
from transcriber.speech import Language

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from transcriber.backends.backend import Speech

_LONGEST_SECONDS = 300.0
_VOTE_SECONDS = 30.0
_SPEECH_PER_VOTE = 120.0
_MOST_VOTES = 5


def vote(speech: Sequence[Speech], detect: Callable[[Stretch], Language | None]) -> Language | None:
    """The language that most places speak; None where nobody speaks, or `detect` tells it of none.

    The first place alone may be a jingle or a quotation.
    """
    votes = [detect(place) for place in _pick_places(speech)]
    return _count_votes([found for found in votes if found is not None])


def _pick_places(speech: Sequence[Speech]) -> list[Stretch]:
    """Stretches with half a minute of speech each, as far as there is so much within a piece's length."""
    spoken = SpokenTime(speech)
    count = min(_MOST_VOTES, 1 + int(spoken.seconds / _SPEECH_PER_VOTE)) if speech else 0
    places = []
    for number in range(count):
        skipped = spoken.seconds * number / count
        start = spoken.time_after(skipped)
        places.append(Stretch(start, min(spoken.time_after(skipped + _VOTE_SECONDS), start + _LONGEST_SECONDS)))
    return places


def _count_votes(votes: Sequence[Language]) -> Language | None:
    """The language with the highest sum; its probability is the mean over all votes, 0 where another one won."""
    if not votes:
        return None
    sums: dict[str, float] = {}
    for vote in votes:
        sums[vote.code] = sums.get(vote.code, 0.0) + (vote.probability or 0.0)
    code = max(sums, key=lambda one: sums[one])
    known = any(vote.probability is not None for vote in votes)
    return Language(code, round(sums[code] / len(votes), 5) if known else None)
