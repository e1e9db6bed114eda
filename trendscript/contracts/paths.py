"""The paths of a contract: text such as `$.item.id`, `@.title` or `#1` goes in, a `Path` comes out."""

from __future__ import annotations

import re

from trendscript.contracts.model import Path

_VALUE = re.compile(r"^(?:(\$)|@([0-9]*))((?:\.[A-Za-z_][A-Za-z0-9_-]*)*)\Z")
_POSITION = re.compile(r"^#(\d*)\Z")

MESSAGE = -1


class PathRefused(ValueError):
    """Raised when a contract's path isn't one of the forms that are understood."""


def parse_path(text: str) -> Path:
    """Parse a column's path: `$.a.b` (message), `@.a`, `@1.a` (elements), `#`, `#1` (positions).

    Raises PathRefused for anything else.
    """
    if position := _POSITION.match(text):
        return Path(scope=int(position[1] or 0), position=True)
    if value := _VALUE.match(text):
        scope = MESSAGE if value[1] else int(value[2] or 0)
        return Path(scope=scope, keys=tuple(value[3].split(".")[1:]))
    raise PathRefused(f"{text!r} is no path; write $.a.b, @.a, @1.a, # or #1")


def parse_rows_path(text: str) -> Path:
    """Parse a `rowsFrom` path, which ends in `[*]`. Raises PathRefused when it doesn't."""
    if not text.endswith("[*]"):
        raise PathRefused(f"{text!r} must end in [*]")
    path = parse_path(text.removesuffix("[*]"))
    if path.position or path.scope > 0:
        raise PathRefused(f"{text!r} must start from $ or @")
    return path
