"""Every recorded videos.list body, served as a chart, arrives in the topic item by item."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingest.loopback_api import LoopbackApi
    from tests.commands import Run
    from tests.ingest.conftest import Topics

RECORDED = Path(__file__).resolve().parents[3] / "shared" / "data" / "youtube_api"


def test_recorded_bodies_go_out_as_they_are(api: LoopbackApi, topics: Topics, trendscript: Callable[..., Run]) -> None:
    """Each body is a region's only page; its items come out of the topic in its order, untouched."""
    bodies = _video_lists()
    if not bodies:
        pytest.skip(f"recorded bodies are not at {RECORDED}")
    regions = [f"{first}{second}" for first in "ABCDEFGHIJ" for second in "ABCDEFGHIJ"][: len(bodies)]
    api.data.chart_bodies = {(region, "0"): [body] for region, body in zip(regions, bodies, strict=True)}
    api.data.regions = regions
    run = trendscript("ingest", "charts", "--all-regions", "--json")
    assert run.code == 0
    values = topics.new_values("youtube_trending")
    for region, body in zip(regions, bodies, strict=True):
        mine = sorted((v for v in values if v["region_code"] == region), key=lambda value: value.get("rank", 0))
        assert [v["item"] for v in mine if v["size"]] == _first_of_each(json.loads(body).get("items", []))


def _video_lists() -> list[bytes]:
    bodies = [path.read_bytes() for path in sorted(RECORDED.rglob("*.json"))]
    return [body for body in bodies if _is_video_list(body)][:100]


def _is_video_list(body: bytes) -> bool:
    try:
        decoded = json.loads(body)
    except ValueError:
        return False
    return isinstance(decoded, dict) and decoded.get("kind") == "youtube#videoListResponse"


def _first_of_each(items: list[Any]) -> list[Any]:
    found: dict[Any, Any] = {}
    for number, item in enumerate(items):
        found.setdefault(item.get("id", number), item)
    return list(found.values())
