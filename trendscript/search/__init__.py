"""Search of speech: a query goes in; sentences, each with its video and second, come out."""

from trendscript.search.asked import Conditions, Method, NothingToSearchFor, QueryTooLong
from trendscript.search.hits import Hit, Result
from trendscript.search.looking import SearchTookTooLong, UnknownChannel, search

__all__ = [
    "Conditions",
    "Hit",
    "Method",
    "NothingToSearchFor",
    "QueryTooLong",
    "Result",
    "SearchTookTooLong",
    "UnknownChannel",
    "search",
]
