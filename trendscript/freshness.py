"""How fresh charts are: rows of the warehouse go in, the age of each region's newest reading comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import timedelta

NEWEST_READINGS = """
    select region_code, now() - max(captured_at) from processed.chart_reading
    where source = 'youtube_api' group by region_code
"""
"""Regions that were read by the API, each with the age of its newest chart."""


def to_ages(readings: Iterable[tuple[Any, ...]], wanted: Sequence[str]) -> dict[str, timedelta | None]:
    """The ages of the wanted regions, None for one that was never read; of all that were read if none is wanted."""
    found: dict[str, timedelta] = {str(region): age for region, age in readings}
    return {region: found.get(region) for region in wanted or sorted(found)}


def is_stale(age: timedelta | None, stale_after: timedelta) -> bool:
    """Whether a region's newest chart is too old, or there is none."""
    return age is None or age > stale_after


def describe_age(age: timedelta | None) -> str:
    """An age as a person says it."""
    if age is None:
        return "never"
    hours, seconds = divmod(int(age.total_seconds()), 3600)
    return f"{hours} h {seconds // 60} min" if hours < 48 else f"{hours // 24} days"  # noqa: PLR2004  (two days)
