"""What a search finds, as frozen values, and where in a sentence the words are that were looked for."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

Mark = tuple[int, int]
"""Where in a text a word begins and ends that was looked for."""

START, STOP = "\ue000", "\ue001"
"""What the database puts around such a word: characters for private use, which a text made for search never holds."""

_EXCERPT = 300
_AROUND = 100
_SIMILAR = 0.7


@dataclass(frozen=True, slots=True)
class Hit:
    """A sentence, or two neighbours that hold a phrase together, with the second of its video; times are UTC.

    `start_seconds` is None for a transcript without times, whose `text` is an excerpt if it is long. `rank` is
    comparable within one search only.
    """

    video_id: str
    title: str | None
    channel_id: str | None
    channel_title: str | None
    published_at: datetime | None
    url: str
    start_seconds: float | None
    end_seconds: float | None
    text: str
    marks: tuple[Mark, ...]
    language: str | None
    method: str
    model: str | None
    doubtful: bool
    flags: tuple[str, ...]
    region_codes: tuple[str, ...]
    best_rank: int | None
    rank: float
    transcription_id: str
    position: int

    @property
    def highlighted(self) -> str:
        """The text with «» around the words that were looked for."""
        return "".join(f"«{part}»" if marked else part for part, marked in self.parts())

    def parts(self) -> Iterator[tuple[str, bool]]:
        """The text in pieces, each with whether it was looked for."""
        done = 0
        for start, end in self.marks:
            yield from ((self.text[done:start], False), (self.text[start:end], True))
            done = end
        yield self.text[done:], False


@dataclass(frozen=True, slots=True)
class Result:
    """Hits, the best first.

    `found` is how many there are in all; None if only the newest sentences were looked through, because very
    many hold these words. `close`: nothing matched, and these are sentences with similar words.
    """

    hits: tuple[Hit, ...]
    found: int | None
    close: bool = False


def find_marks(text: str, marked: str) -> tuple[Mark, ...]:
    """Where the words are in `text` that are marked in `marked`, which has the same words in another form of writing.

    Words are followed in their order. One that the other form spells differently is passed over.
    """
    marks: list[Mark] = []
    place = 0
    lowered = text.lower() if len(text.lower()) == len(text) else text
    for piece in marked.split():
        word = piece.replace(START, "").replace(STOP, "")
        start = _find(lowered, word if lowered is text else word.lower(), place)
        if start < 0:
            continue
        place = start + len(word)
        if START not in piece:
            continue
        before, inside = piece.partition(START)[0], piece.partition(START)[2].partition(STOP)[0]
        marks.append((start + len(before), start + len(before) + len(inside)))
    return _join(marks)


def find_similar(text: str, wanted: str) -> tuple[Mark, ...]:
    """Where words are that look like one of those wanted."""
    asked = wanted.lower().split()
    marks = []
    place = 0
    for word in text.split():
        start = text.index(word, place)
        place = start + len(word)
        bare = word.strip(".,;:!?\"'()[]").lower()
        if any(SequenceMatcher(None, bare, one).ratio() >= _SIMILAR for one in asked):
            marks.append((start, place))
    return tuple(marks)


def cut_excerpt(text: str, marks: tuple[Mark, ...]) -> tuple[str, tuple[Mark, ...]]:
    """A long text as the stretch around the place with most of its marks."""
    if len(text) <= _EXCERPT:
        return text, marks
    begins = _densest(marks)
    first = text.rfind(" ", 0, max(begins - _AROUND, 0)) + 1
    first = max(first, begins - 2 * _AROUND)  # some languages have no spaces
    last = min(first + _EXCERPT, len(text))
    before, after = "… " if first else "", " …" if last < len(text) else ""
    shift = len(before) - first
    kept = tuple((start + shift, end + shift) for start, end in marks if first <= start and end <= last)
    return before + text[first:last] + after, kept


def _densest(marks: tuple[Mark, ...]) -> int:
    """Where the stretch begins that has most marks; 0 without any."""

    def count(mark: Mark) -> int:
        return sum(mark[0] <= other[0] < mark[0] + _AROUND for other in marks)

    return max(marks, key=count)[0] if marks else 0


def _find(text: str, word: str, place: int) -> int:
    """Where a word is, at or after a place, close by: a word that is missing must not lead far ahead."""
    for form in (word, word.replace("'", "\u2019")):
        found = text.find(form, place, place + len(word) + _AROUND)
        if found >= 0:
            return found
    return -1


def _join(marks: list[Mark]) -> tuple[Mark, ...]:
    """Marks that touch become one, so that a word of Han or Kana is one mark and not one a character."""
    joined: list[Mark] = []
    for start, end in marks:
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return tuple(joined)
