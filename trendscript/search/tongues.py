"""A query in each language: its terms as the database reads them go in, one expression to look for comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from trendscript.search.asked import Query, Term


@dataclass(frozen=True, slots=True)
class Language:
    """A language that sentences are in, and the configuration that reads it. `code` is None where nobody could tell.

    `without_times`: it is that of transcripts that have no times.
    """

    code: str | None
    config: str
    without_times: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """Words as a configuration reads them, each a tsquery: with every word kept, and with those that mean something."""

    kept: str
    meant: str


@dataclass(frozen=True, slots=True)
class Sought:
    """What is looked for in some languages: a tsquery, the phrase that counts for more, and the configuration."""

    query: str
    exact: str | None
    config: str
    languages: tuple[Language, ...]

    @property
    def codes(self) -> list[str]:
        """Codes of the languages, where they are known."""
        return sorted({language.code for language in self.languages if language.code})

    @property
    def with_unknown(self) -> bool:
        """True where sentences of no known language count."""
        return any(language.code is None for language in self.languages)

    @property
    def with_times(self) -> bool:
        """True where sentences with times can be among what is found."""
        return any(not language.without_times for language in self.languages)

    @property
    def without_times(self) -> bool:
        """True where transcripts without times can be."""
        return any(language.without_times for language in self.languages)


def list_words(query: Query) -> list[str]:
    """All that has to be read before a query can be composed."""
    terms = [term.words for terms in query.alternatives for term in terms]
    return list(dict.fromkeys([*terms, *(_wanted(terms) for terms in query.alternatives), query.words]))


def split_by_expression(
    query: Query, languages: Iterable[Language], readings: Mapping[str, Mapping[str, Reading]]
) -> list[Sought]:
    """What to look for, each expression once: languages that read the query alike are searched together.

    `readings` are those of `list_words`, by configuration.
    """
    together: dict[tuple[str, str | None], list[Language]] = {}
    for language in languages:
        found = readings[language.config]
        exact = found[query.words].kept if query.is_plain else None
        together.setdefault((compose(query, found), exact), []).append(language)
    return [
        Sought(expression, exact, alike[0].config, tuple(alike))
        for (expression, exact), alike in together.items()
        if expression
    ]


def compose(query: Query, readings: Mapping[str, Reading]) -> str:
    """The tsquery of a query; empty if nothing of it is a word.

    Words in quotes are looked for as they stand. Of others, those that the language calls stop words are left out,
    as nobody means the "the" of a question; where nothing else is left they are the phrase that is looked for.
    """
    operators = any(term.quoted or term.excluded for terms in query.alternatives for term in terms)
    if not operators and not any(_all_of(terms, readings) for terms in query.alternatives):
        return readings[query.words].kept
    alternatives = [_one_of(terms, readings) for terms in query.alternatives]
    return " | ".join(f"({one})" for one in alternatives if one)


def _one_of(terms: tuple[Term, ...], readings: Mapping[str, Reading]) -> str:
    wanted = _all_of(terms, readings) or [readings[_wanted(terms)].kept]
    unwanted = [readings[term.words].kept for term in terms if term.excluded]
    if not any(wanted):
        return ""
    return " & ".join([*(f"({one})" for one in wanted if one), *(f"!({one})" for one in unwanted if one)])


def _all_of(terms: tuple[Term, ...], readings: Mapping[str, Reading]) -> list[str]:
    read = (readings[term.words] for term in terms if not term.excluded)
    quoted = (term.quoted for term in terms if not term.excluded)
    found = (reading.kept if is_quoted else reading.meant for reading, is_quoted in zip(read, quoted, strict=True))
    return [expression for expression in found if expression]


def _wanted(terms: tuple[Term, ...]) -> str:
    return " ".join(term.words for term in terms if not term.excluded)
