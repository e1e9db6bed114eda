"""Settings that name a test's database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg2.extensions import parse_dsn

if TYPE_CHECKING:
    import pytest


def point_at(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set what POSTGRES_HOST and its like say, for this test."""
    parts = parse_dsn(dsn)
    for name, part in (
        ("HOST", "host"),
        ("PORT", "port"),
        ("DB", "dbname"),
        ("USER", "user"),
        ("PASSWORD", "password"),
    ):
        monkeypatch.setenv(f"POSTGRES_{name}", parts[part])
