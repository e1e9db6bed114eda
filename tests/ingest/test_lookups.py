"""`ingest videos`, `channels` and `categories` from a loopback API into real topics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg2
import pytest

from ingest.loopback_answers import backend_error
from ingest.loopback_api import Fault
from tests.ingest.building import a_category, a_channel, a_channel_id, a_chart_item, a_video_id
from tests.warehouse.pointing import point_at

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ingest.loopback_api import LoopbackApi
    from tests.commands import Run
    from tests.ingest.conftest import Topics


def test_videos_go_out_and_those_that_are_gone_too(
    api: LoopbackApi, topics: Topics, trendscript: Callable[..., Run]
) -> None:
    """Two of three ids are known: two videos and one absence, all by their id, for one unit."""
    api.data.videos = {a_video_id(n): a_chart_item(n) for n in (1, 2)}
    run = trendscript("ingest", "videos", a_video_id(1), a_video_id(3), a_video_id(2), "--json")
    assert run.code == 0
    assert run.report == {
        "published": 3,
        "rejected": 0,
        "units": 1,
        "requests": 1,
        "requested": 3,
        "found": 2,
        "missing": [a_video_id(3)],
        "rejected_ids": [],
    }
    values = {value["video_id"]: value for value in topics.new_values("youtube_video")}
    assert values[a_video_id(1)]["item"] == a_chart_item(1)
    assert (values[a_video_id(3)]["item"], values[a_video_id(3)]["absence_reason"]) == (None, "not_returned")
    assert {record.key.decode() for record in topics.new("youtube_video")} == set(values)


def test_fifty_ids_go_in_one_request(
    api: LoopbackApi, topics: Topics, trendscript: Callable[..., Run], tmp_path: Path
) -> None:
    """A file of 120 ids, some twice and one that is none: three requests, and the bad line is told."""
    api.data.videos = {a_video_id(n): a_chart_item(n) for n in range(120)}
    lines = ["# charted last week", *map(a_video_id, range(120)), "", a_video_id(5), "not-an-id"]
    (tmp_path / "ids.txt").write_text("\n".join(lines))
    run = trendscript("ingest", "videos", "--ids-file", "ids.txt", "--json")
    assert (run.code, run.report["published"], run.report["units"]) == (0, 120, 3)
    assert (run.report["rejected"], run.report["rejected_ids"]) == (1, ["not-an-id"])
    assert len(topics.new("youtube_video")) == 120
    assert sorted(len((request.get("id") or "").split(",")) for request in api.requests) == [20, 50, 50]


def test_a_lot_that_fails_stops_no_other_and_declares_nobody_gone(
    api: LoopbackApi, topics: Topics, trendscript: Callable[..., Run], tmp_path: Path
) -> None:
    """The first fifty can't be read: the rest is published, nobody of the fifty is called absent, code 75."""
    api.data.videos = {a_video_id(n): a_chart_item(n) for n in range(60)}
    first = ",".join(map(a_video_id, range(50)))
    api.faults.append(Fault(backend_error(), where={"id": first}))
    (tmp_path / "ids.txt").write_text("\n".join(map(a_video_id, range(60))))
    run = trendscript("ingest", "videos", "--ids-file", "ids.txt", "--json")
    assert (run.code, run.report["published"], run.report["missing"]) == (75, 10, [])
    assert {value["video_id"] for value in topics.new_values("youtube_video")} == set(map(a_video_id, range(50, 60)))


def test_an_answer_with_a_nameless_item_declares_nobody_gone(
    api: LoopbackApi, topics: Topics, trendscript: Callable[..., Run]
) -> None:
    """The item without an id could be any of those asked for: it goes out as it came, and no absence does."""
    api.data.videos = {a_video_id(1): a_chart_item(1, id=None)}
    assert trendscript("ingest", "videos", a_video_id(1), a_video_id(2)).code == 0
    [value] = topics.new_values("youtube_video")
    assert (value["video_id"], value["item"]) == (None, a_chart_item(1, id=None))


def test_channels_go_out_and_missing_ones_are_named(
    api: LoopbackApi, topics: Topics, trendscript: Callable[..., Run]
) -> None:
    """A channel that isn't returned is in the report and has no message; all fifty of a lot are asked for."""
    api.data.channels = {a_channel_id(1): a_channel(1)}
    run = trendscript("ingest", "channels", a_channel_id(1), a_channel_id(2), "--json")
    assert (run.code, run.report["published"], run.report["missing"]) == (0, 1, [a_channel_id(2)])
    [value] = topics.new_values("youtube_channel")
    assert (value["channel_id"], value["item"]) == (a_channel_id(1), a_channel(1))
    assert api.requests[0].get("maxResults") == "2"


def test_categories_go_out_by_region(api: LoopbackApi, topics: Topics, trendscript: Callable[..., Run]) -> None:
    """One message a category of each region, the region as the key."""
    api.data.categories = {"FR": [a_category(10, "Musique"), a_category(20, "Jeux")], "US": [a_category(10, "Music")]}
    run = trendscript("ingest", "categories", "--region", "FR", "--region", "US", "--json")
    assert (run.code, run.report["published"]) == (0, 3)
    found = sorted((value["region_code"], value["item"]["id"]) for value in topics.new_values("youtube_category"))
    assert found == [("FR", "10"), ("FR", "20"), ("US", "10")]
    assert sorted(record.key for record in topics.new("youtube_category")) == [b"FR", b"FR", b"US"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["videos"], 2, "no id of a video"),
        (["videos", "https://youtu.be/dQw4w9WgXcQ"], 2, "is not the id of a video"),
        (["videos", "--charted-since", "week"], 2, "7d"),
        (["videos", "--ids-file", "gone.txt"], 65, "gone.txt"),
        (["channels", "dQw4w9WgXcQ"], 2, "is not the id of a channel"),
        (["categories", "--region", "UK"], 2, "GB"),
    ],
)
def test_a_mistyped_request_costs_nothing(
    api: LoopbackApi, trendscript: Callable[..., Run], arguments: list[str], code: int, said: str
) -> None:
    """One sentence and the code of the design, before anything is asked."""
    run = trendscript("ingest", *arguments)
    assert run.code == code
    assert said in run.err
    assert api.requests == []


def test_videos_charted_of_late_come_from_the_warehouse(
    api: LoopbackApi,
    topics: Topics,
    trendscript: Callable[..., Run],
    database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of three charted videos two were in a chart within a week: these are asked for, and their channel."""
    point_at(database, monkeypatch)
    _chart(database)
    api.data.videos = {a_video_id(n): a_chart_item(n) for n in (1, 2, 3)}
    api.data.channels = {a_channel_id(1): a_channel(1)}
    assert trendscript("ingest", "videos", "--charted-since", "7d").code == 0
    assert trendscript("ingest", "channels", "--charted-since", "7d").code == 0
    assert {value["video_id"] for value in topics.new_values("youtube_video")} == {a_video_id(1), a_video_id(2)}
    assert [value["channel_id"] for value in topics.new_values("youtube_channel")] == [a_channel_id(1)]


def test_an_unmigrated_warehouse_is_named(
    trendscript: Callable[..., Run], empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--charted-since on a database without tables says what to run, with code 78."""
    point_at(empty_database, monkeypatch)
    run = trendscript("ingest", "videos", "--charted-since", "7d")
    assert run.code == 78
    assert "trendscript migrate" in run.err


def _chart(dsn: str) -> None:
    """Videos 1 and 2 charted today (the channel of 2 isn't known), 3 a month ago."""
    with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
        for number, days_ago in ((1, 0), (2, 0), (3, 30)):
            channel = a_channel_id(number) if number != 2 else None
            cursor.execute(
                "insert into processed.video (video_id, channel_id) values (%s, %s)", (a_video_id(number), channel)
            )
            cursor.execute(
                "insert into processed.chart_entry (region_code, category_id, captured_at, video_id, rank, source, "
                "row_digest, source_partition, source_offset, batch_id) "
                "values ('FR', '0', now() - make_interval(days => %s), %s, %s, 'youtube_api', '', 0, 0, 1)",
                (days_ago, a_video_id(number), number),
            )
    connection.close()
