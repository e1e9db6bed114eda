"""Recorded answers of videos.list, served by the stand-in API, read and loaded as a chart each."""

from __future__ import annotations

import json
from itertools import product
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any

import pytest

from ingest.loopback_api import LoopbackApi

if TYPE_CHECKING:
    from pathlib import Path

    from tests.real.conftest import Amount, Figures
    from tests.real.warehouse import Servers, Warehouse

_KEY = "AIza-made-up"

Items = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def bodies(data: Path, amount: Amount) -> dict[str, bytes]:
    """The recorded bodies, each as the only page of a region of its own."""
    paths = sorted((data / "youtube_api").rglob("*.json"))
    found = [body for body in (path.read_bytes() for path in paths) if _is_video_list(body)][: amount.bodies]
    regions = ("".join(letters) for letters in product(ascii_uppercase, repeat=2))
    return dict(zip(regions, found, strict=False))


@pytest.fixture(scope="module")
def items(bodies: dict[str, bytes]) -> Items:
    """The items of each region's body, the first of each id."""
    return {region: _first_of_each(json.loads(body).get("items", [])) for region, body in bodies.items()}


@pytest.fixture(scope="module")
def warehouse(servers: Servers, bodies: dict[str, bytes]) -> Warehouse:
    """A warehouse that all bodies were read and loaded into."""
    servers.recreate_topic(4)
    made = servers.make_warehouse("bodies", with_lake=False)
    with LoopbackApi(key=_KEY) as api:
        api.data.chart_bodies = {(region, "0"): [body] for region, body in bodies.items()}
        api.data.regions = list(bodies)
        settings = {"YOUTUBE_API_KEY": _KEY, "YOUTUBE_API_ENDPOINT": api.endpoint}
        report = made.run("ingest", "charts", "--all-regions", "--json", settings=settings)
    assert [row["outcome"] for row in report["regions"]] == ["read"] * len(bodies)
    made.load()
    return made


def test_every_item_is_accepted(warehouse: Warehouse, items: Items, figures: Figures) -> None:
    """Nothing is quarantined, and each region has the entries and the size of its body."""
    assert warehouse.query("select reason, count(*) from pipeline.dead_letter group by 1") == []
    said = {region: [item["id"] for item in found] for region, found in items.items()}
    sizes = dict(warehouse.query("select region_code, size from processed.chart_reading"))
    assert sizes == {region: len(ids) for region, ids in said.items()}
    entries: dict[str, list[str]] = {region: [] for region in said}
    for region, video in warehouse.query(
        "select region_code, video_id from processed.chart_entry order by region_code, rank"
    ):
        entries[region].append(video)
    assert entries == said
    figures.tell("bodies", f"{len(items)} bodies, {sum(map(len, items.values()))} items, all accepted")


def test_what_a_body_lacks_is_null(warehouse: Warehouse, items: Items, figures: Figures) -> None:
    """Counts are those of the body, and NULL where it has none."""
    said = {
        (region, item["id"]): tuple(
            _count(item.get("statistics", {}), name) for name in ("viewCount", "likeCount", "commentCount")
        )
        for region, found in items.items()
        for item in found
    }
    found = warehouse.query(
        "select region_code, video_id, view_count, like_count, comment_count from processed.chart_entry"
    )
    assert {(region, video): tuple(counts) for region, video, *counts in found} == said
    bare = sum(1 for found in items.values() for item in found if "statistics" not in item)
    figures.tell("bodies_without_statistics", f"{bare} items without statistics: NULL in every count", items=bare)


def test_no_video_without_a_snippet(warehouse: Warehouse, items: Items, figures: Figures) -> None:
    """A video is known by the newest of its items that has a snippet; where none has one, it is a stub."""
    times = dict(warehouse.query("select region_code, captured_at from processed.chart_reading"))
    said: dict[str, Any] = {item["id"]: (None, None) for found in items.values() for item in found}
    for region in sorted(items, key=lambda region: times[region]):
        for item in items[region]:
            if item.get("snippet") is not None:
                said[item["id"]] = (times[region], item["snippet"].get("title"))
    found = warehouse.query("select video_id, captured_at, title from processed.video")
    assert {video: (at, title) for video, at, title in found} == said
    stubs = sum(1 for at, _ in said.values() if at is None)
    bare = sum(1 for found in items.values() for item in found if "snippet" not in item)
    figures.tell(
        "bodies_without_snippet",
        f"{bare} items without snippet; of {len(said)} videos {stubs} are known by their id alone",
        videos=len(said),
        stubs=stubs,
    )


def _is_video_list(body: bytes) -> bool:
    try:
        decoded = json.loads(body)
    except ValueError:
        return False
    return isinstance(decoded, dict) and decoded.get("kind") == "youtube#videoListResponse"


def _first_of_each(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for item in items:
        found.setdefault(item["id"], item)
    return list(found.values())


def _count(statistics: dict[str, Any], name: str) -> int | None:
    return None if statistics.get(name) is None else int(statistics[name])
