"""The demo's charts: the same everywhere, of the API's shape, and with the stories they are meant to tell."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict

import orjson

from trendscript.demo.charts import BROKEN, CHART_SIZE, make_chart, readings, video_ids
from trendscript.demo.videos import DAYS, REGIONS, make_videos

_CHARTS = {(region, day): make_chart(region, day) for region in REGIONS for day in range(DAYS)}
_SHA256 = "ff693c0b0cac1e69afa0402b8d19dc4e2fe409a88fdf9907325c1e19f645a5a0"


def _ranks(title: str, region: str) -> list[int | None]:
    """By day, the rank of the video of that title."""
    found: list[int | None] = []
    for day in range(DAYS):
        titles = [item["snippet"]["title"] for item in _CHARTS[region, day]]
        found.append(titles.index(title) + 1 if title in titles else None)
    return found


def test_charts_are_the_same_on_every_machine() -> None:
    """A demo that was begun by one Python can be gone on with by another."""
    charts = [_CHARTS[region, day] for region in REGIONS for day in range(DAYS)]
    assert hashlib.sha256(orjson.dumps(charts)).hexdigest() == _SHA256


def test_every_chart_is_full_and_names_no_video_twice() -> None:
    """Each takes more than one page of the API."""
    for chart in _CHARTS.values():
        assert len({item["id"] for item in chart}) == len(chart) == CHART_SIZE > 50


def test_ids_have_the_form_of_youtubes() -> None:
    """Ids of videos and channels pass the contract."""
    for chart in _CHARTS.values():
        for item in chart:
            assert re.fullmatch("[A-Za-z0-9_-]{11}", item["id"])
            assert re.fullmatch("UC[A-Za-z0-9_-]{22}", item["snippet"]["channelId"])
    assert len(set(video_ids())) == len(video_ids())


def test_nothing_is_published_after_it_charts() -> None:
    """A chart holds only videos that are out."""
    for (region, captured_at), chart in zip(
        readings(), (_CHARTS[r, d] for d in range(DAYS) for r in REGIONS), strict=True
    ):
        for item in chart:
            assert item["snippet"]["publishedAt"] < captured_at.strftime("%Y-%m-%dT%H:%M:%SZ"), region


def test_a_video_climbs() -> None:
    """One enters France's chart near its end and is first on the last day, better every day."""
    ranks = _ranks("Paper Lanterns - Slow Tide", "FR")
    assert None not in ranks
    assert ranks == sorted((rank for rank in ranks if rank), reverse=True)
    assert (ranks[0], ranks[-1]) == (55, 1)


def test_a_video_leaves_and_returns() -> None:
    """One is on the chart of the US, then four days not, then again."""
    ranks = _ranks("Tin Robots: the level nobody finishes", "US")
    assert [rank is not None for rank in ranks] == [True] * 5 + [False] * 4 + [True] * 5


def test_one_video_hides_its_likes() -> None:
    """Its items have no likeCount at all, as the API leaves out what an owner hides."""
    hidden = {item["id"] for chart in _CHARTS.values() for item in chart if "likeCount" not in item["statistics"]}
    assert hidden == {video.video_id for video in make_videos() if video.likes_hidden}
    assert len(hidden) == 1


def test_one_message_is_broken() -> None:
    """One view count in all charts is no number."""
    broken = [
        (region, day, rank)
        for (region, day), chart in _CHARTS.items()
        for rank, item in enumerate(chart, start=1)
        if not item["statistics"]["viewCount"].isdecimal()
    ]
    assert broken == [BROKEN]


def test_views_never_fall() -> None:
    """A video's views grow from day to day, and are the same in every region at one time."""
    views: dict[str, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
    for (region, day), chart in _CHARTS.items():
        for rank, item in enumerate(chart, start=1):
            if (region, day, rank) != BROKEN:
                views[item["id"]][day].add(int(item["statistics"]["viewCount"]))
    for by_day in views.values():
        assert all(len(counts) == 1 for counts in by_day.values())
        counts = [min(by_day[day]) for day in sorted(by_day)]
        assert counts == sorted(counts)
