"""Dumps of tables: two of them go in, where they differ comes out."""

from __future__ import annotations

import hashlib
from itertools import zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SHOWN = 3


def digests(dump: Mapping[str, Path]) -> dict[str, str]:
    """A hash of each table."""
    return {table: _digest(path) for table, path in dump.items()}


def count_rows(dump: Mapping[str, Path]) -> dict[str, int]:
    """Rows of each table."""
    return {table: _count(path) for table, path in dump.items()}


def differences(expected: Mapping[str, Path], found: Mapping[str, Path]) -> list[str]:
    """The first lines in which tables differ; empty when all are the same."""
    lines = [f"tables {sorted(expected)} and {sorted(found)}"] if expected.keys() != found.keys() else []
    for table in expected.keys() & found.keys():
        if _digest(expected[table]) != _digest(found[table]):
            lines += [f"{table}: {line}" for line in _first_differences(expected[table], found[table])]
    return lines


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _count(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)


def _first_differences(expected: Path, found: Path) -> list[str]:
    with expected.open("rb") as left, found.open("rb") as right:
        pairs = ((one, two) for one, two in zip_longest(left, right) if one != two)
        return [f"{one!r} and {two!r}" for (one, two), _ in zip(pairs, range(_SHOWN), strict=False)]
