"""What is asked: a person's words go in, terms that can be looked for come out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from trendscript.errors import UsageError

if TYPE_CHECKING:
    from datetime import datetime

Method = Literal["speech", "captions_manual", "captions_generated"]

LONGEST = 500
"""Most characters of a query."""

_TERM = re.compile(r'(?P<minus>-?)(?:"(?P<quoted>[^"]*)"?|(?P<word>[^\s"]+))')
_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»\uff02", '"'))


class NothingToSearchFor(UsageError):
    """Raised when a query holds no word that a sentence would have to hold."""


class QueryTooLong(UsageError):
    """Raised when a query is longer than anybody types."""

    def __init__(self, length: int) -> None:
        self.length = length
        super().__init__(f"A query of {length:,} characters is too long: {LONGEST} is the most. Search for a part.")


@dataclass(frozen=True, slots=True)
class Term:
    """A word, or a phrase that somebody put in quotes. `excluded`: no sentence may hold it."""

    words: str
    quoted: bool = False
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """What a sentence has to hold: all terms of one of the alternatives."""

    alternatives: tuple[tuple[Term, ...], ...]

    @property
    def words(self) -> str:
        """All that a sentence may hold, as it was typed, without quotes and what is excluded."""
        return " or ".join(" ".join(term.words for term in terms if not term.excluded) for terms in self.alternatives)

    @property
    def phrase(self) -> str | None:
        """The one phrase that is looked for; None if there is more to it."""
        only = self.alternatives[0]
        return only[0].words if len(self.alternatives) == 1 and len(only) == 1 and only[0].quoted else None

    @property
    def is_plain(self) -> bool:
        """True for several words without any operator: they can be taken for a phrase, too."""
        operators = any(term.quoted or term.excluded for term in self.alternatives[0])
        return len(self.alternatives) == 1 and len(self.alternatives[0]) > 1 and not operators


@dataclass(frozen=True, slots=True)
class Conditions:
    """Which sentences count; None is no condition. `channel` is an id or a title; `since` is when videos came out."""

    language: str | None = None
    channel: str | None = None
    region: str | None = None
    since: datetime | None = None
    method: Method | None = None
    include_doubtful: bool = False
    all_versions: bool = False


def parse_query(text: str) -> Query:
    """Read a query as search engines do: words, "a phrase", -without, or.

    Raises NothingToSearchFor or QueryTooLong.
    """
    if len(text) > LONGEST:
        raise QueryTooLong(len(text))
    alternatives: list[list[Term]] = [[]]
    for term in _parse_terms(text):
        if term is None:
            alternatives.append([])
        else:
            alternatives[-1].append(term)
    found = tuple(tuple(terms) for terms in alternatives if terms)
    _check(found)
    return Query(found)


def _parse_terms(text: str) -> list[Term | None]:
    """Terms in order; None is an "or" between two."""
    printable = "".join(character if character.isprintable() else " " for character in text.translate(_QUOTES))
    terms: list[Term | None] = []
    for match in _TERM.finditer(printable):
        quoted = match["quoted"] is not None
        words = (match["quoted"] if quoted else match["word"]).strip()
        if not quoted and not match["minus"] and words.lower() == "or":
            terms.append(None)
        elif any(character.isalnum() for character in words):
            terms.append(Term(words, quoted, bool(match["minus"])))
    return terms


def _check(alternatives: tuple[tuple[Term, ...], ...]) -> None:
    if not alternatives:
        raise NothingToSearchFor('There is no word to search for. Give some, as `trendscript search "climate bill"`.')
    if any(all(term.excluded for term in terms) for terms in alternatives):
        raise NothingToSearchFor(
            "A minus leaves sentences out; say also which words to look for, as `trendscript search 'climate -bill'`."
        )
