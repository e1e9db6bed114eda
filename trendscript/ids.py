"""Ids: what a person typed, or a file of it, goes in; checked ids, and what isn't one, come out."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from trendscript.errors import InputRefused, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


class IdRefused(UsageError):
    """Raised when an argument isn't an id."""


class NoIds(UsageError):
    """Raised when a command for ids was given none."""


class DurationRefused(UsageError):
    """Raised when a length of time can't be read."""


class IdsFileUnreadable(InputRefused):
    """Raised when a file of ids can't be opened or isn't text."""


@dataclass(frozen=True, slots=True)
class IdKind:
    """What an id of one kind looks like, and what it is called."""

    name: str
    pattern: re.Pattern[str]
    example: str

    def matches(self, text: str) -> bool:
        """True when the whole text is such an id."""
        return self.pattern.fullmatch(text) is not None


VIDEO_ID = IdKind("video", re.compile(r"[A-Za-z0-9_-]{11}"), "dQw4w9WgXcQ")
CHANNEL_ID = IdKind("channel", re.compile(r"UC[A-Za-z0-9_-]{22}"), "UC_x5XG1OV2P6uZZ5FSM9Ttw")


def check_id(text: str, kind: IdKind) -> str:
    """The id itself. Raises IdRefused."""
    if not kind.matches(text):
        raise IdRefused(f"{text!r} is not the id of a {kind.name}. Such an id looks like {kind.example}.")
    return text


def split_ids(lines: Iterable[str], kind: IdKind) -> tuple[list[str], list[str]]:
    """Ids and what isn't one, each once and in order. Blank lines and lines that start with `# ` are passed over."""
    words = keep_words(lines)
    return [word for word in words if kind.matches(word)], [word for word in words if not kind.matches(word)]


def keep_words(lines: Iterable[str]) -> list[str]:
    """Lines without what surrounds them, each once and in order; blank ones and comments are left out."""
    return list(dict.fromkeys(line.strip() for line in lines if line.strip() and not line.startswith("# ")))


def read_ids_file(path: Path) -> list[str]:
    """Lines of a text file, or of standard input for `-`. Raises IdsFileUnreadable."""
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise IdsFileUnreadable(f"{path} can't be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise IdsFileUnreadable(f"{path} is not text in UTF-8. It must hold one id a line.") from error
    return text.splitlines()


def parse_duration(text: str) -> timedelta:
    """A length of time as people write it: 12h, 7d or 2w. Raises DurationRefused."""
    match = re.fullmatch(r"([0-9]{1,5})([hdw])", text.strip().lower())
    if match is None or int(match[1]) == 0:
        raise DurationRefused(f"{text!r} is not a length of time. Write hours, days or weeks, as 12h, 7d or 2w.")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
