"""Stock phrases: a sentence goes in, whether it is one that Whisper writes where nobody says it comes out.

The models learnt from subtitles of films and videos: over noise and music they write how those end, or who made them.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from importlib.resources import files

_NO_SPACES_FROM = "\u2e80"  # Chinese and Japanese characters, and Korean ones that take endings
_NOT_WORDS = re.compile(r"[^\w]+")


def is_stock_phrase(text: str) -> bool:
    """Whether a sentence is one of `stock_phrases.txt`, in any of its languages."""
    words = _normalise(text)
    whole, parts = _read_phrases()
    return words in whole or any(_contains(words, part) for part in parts)


def _contains(words: str, part: str) -> bool:
    """Whether a part stands in a text, as whole words where its script has such."""
    if part[0] >= _NO_SPACES_FROM:
        return part in words
    return f" {part} " in f" {words} "


@cache
def _read_phrases() -> tuple[frozenset[str], tuple[str, ...]]:
    """Whole sentences, and parts of such."""
    lines = files(__package__).joinpath("stock_phrases.txt").read_text(encoding="utf-8").splitlines()
    phrases = [line for line in lines if line and not line.startswith("#")]
    whole = frozenset(_normalise(phrase) for phrase in phrases if not phrase.startswith("*"))
    return whole, tuple(_normalise(phrase) for phrase in phrases if phrase.startswith("*"))


def _normalise(text: str) -> str:
    """Words alone, in small letters without accents, a space between them."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(character for character in apart if not unicodedata.combining(character))
    return _NOT_WORDS.sub(" ", unicodedata.normalize("NFC", plain)).strip()
