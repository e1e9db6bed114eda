"""`ingest charts --transcribe-top` and `ingest videos --transcribe`: what was read is asked to be transcribed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

import psycopg2
import pytest

from ingest.loopback_answers import backend_error
from ingest.loopback_api import Fault
from ingest.speech_requests import keep_speakable
from tests.ingest.building import a_chart, a_chart_item, a_video_id
from tests.warehouse.pointing import point_at
from tests.warehouse.speech import add_request, add_transcription
from trendscript.contracts.rows import Rejected
from trendscript.transcription_requests import parse_request

if TYPE_CHECKING:
    from ingest.loopback_answers import ApiAnswer, ApiRequest
    from ingest.loopback_api import LoopbackApi
    from tests.commands import Run
    from tests.ingest.conftest import Topics

Command = Callable[..., "Run"]

LIVE = {"title": "Now", "liveBroadcastContent": "live"}
UPCOMING = {"title": "Soon", "liveBroadcastContent": "upcoming"}
TOPIC = "transcription_request"


@pytest.fixture
def warehouse(database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A migrated database that the settings name."""
    point_at(database, monkeypatch)
    return database


@pytest.mark.usefixtures("warehouse")
def test_the_first_of_each_chart_are_asked_for_once(api: LoopbackApi, topics: Topics, trendscript: Command) -> None:
    """Two charts share their third video: five requests for the first three of both, each acceptable."""
    api.data.charts["FR", "0"] = a_chart(60)
    api.data.charts["US", "0"] = a_chart(60, first=3)
    run = trendscript("ingest", "charts", "--region", "FR", "--region", "US", "--transcribe-top", "3", "--json")
    assert (run.code, run.report["published"], run.report["transcriptions_requested"]) == (0, 120, 5)
    requests = [parse_request(record.value) for record in topics.new(TOPIC)]
    assert not [request for request in requests if isinstance(request, Rejected)]
    values = topics.new_values(TOPIC)
    assert sorted(value["video_id"] for value in values) == [a_video_id(number) for number in range(1, 6)]
    assert {(value["reason"], value["source"], value["again"], value["model"]) for value in values} == {
        ("charted", "ingest_charts", False, None)
    }


def test_videos_asked_for_before_are_left_out(
    api: LoopbackApi, topics: Topics, trendscript: Command, warehouse: str
) -> None:
    """Of the first four one was asked for, one is transcribed and one is live: the fourth is asked for, no fifth."""
    api.data.charts["FR", "0"] = [*a_chart(2), a_chart_item(3, snippet=LIVE), *a_chart(10, first=4)]
    with closing(psycopg2.connect(warehouse)) as connection, connection, connection.cursor() as cursor:
        add_request(cursor, a_video_id(1))
        add_transcription(cursor, a_video_id(2))
    run = trendscript("ingest", "charts", "--region", "FR", "--transcribe-top", "4")
    assert run.code == 0
    assert run.out.endswith("\nTranscriptions requested: 1.\n")
    assert [value["video_id"] for value in topics.new_values(TOPIC)] == [a_video_id(4)]


@pytest.mark.usefixtures("warehouse")
def test_a_chart_that_fails_asks_for_nothing(api: LoopbackApi, topics: Topics, trendscript: Command) -> None:
    """US fails on its second page: only the videos of FR, which is published, are asked for."""
    api.data.charts["FR", "0"] = a_chart(2)
    api.data.charts["US", "0"] = a_chart(60, first=100)
    api.faults.append(Fault(backend_error(), where={"regionCode": "US", "pageToken": "50"}))
    run = trendscript("ingest", "charts", "--region", "FR", "--region", "US", "--transcribe-top", "9", "--json")
    assert (run.code, run.report["transcriptions_requested"]) == (75, 2)
    assert {value["video_id"] for value in topics.new_values(TOPIC)} == {a_video_id(1), a_video_id(2)}


@pytest.mark.usefixtures("warehouse")
def test_videos_that_came_are_asked_for(api: LoopbackApi, topics: Topics, trendscript: Command) -> None:
    """Of five ids one is gone, one live and one announced: two requests."""
    api.data.videos = {
        a_video_id(1): a_chart_item(1),
        a_video_id(2): a_chart_item(2, snippet={"title": "Over", "liveBroadcastContent": "none"}),
        a_video_id(3): a_chart_item(3, snippet=LIVE),
        a_video_id(4): a_chart_item(4, snippet=UPCOMING),
    }
    run = trendscript("ingest", "videos", *map(a_video_id, range(1, 6)), "--transcribe", "--json")
    assert (run.code, run.report["published"], run.report["transcriptions_requested"]) == (0, 5, 2)
    values = topics.new_values(TOPIC)
    assert {(value["video_id"], value["reason"], value["source"]) for value in values} == {
        (a_video_id(1), "looked_at", "ingest_videos"),
        (a_video_id(2), "looked_at", "ingest_videos"),
    }


def test_without_the_flags_nothing_is_asked_for(api: LoopbackApi, topics: Topics, trendscript: Command) -> None:
    """The report doesn't speak of requests, and no warehouse is needed."""
    api.data.charts["FR", "0"] = a_chart(2)
    run = trendscript("ingest", "charts", "--region", "FR", "--json")
    assert run.code == 0
    assert "transcriptions_requested" not in run.report
    assert topics.new(TOPIC) == []


@pytest.mark.parametrize(
    "arguments", [("charts", "--region", "FR", "--transcribe-top", "3"), ("videos", a_video_id(1), "--transcribe")]
)
@pytest.mark.usefixtures("topics")
def test_a_warehouse_that_is_away_costs_no_quota(
    api: LoopbackApi, trendscript: Command, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """Postgres is looked for first: code 69, and YouTube isn't asked."""
    monkeypatch.setenv("POSTGRES_HOST", "127.0.0.1")
    monkeypatch.setenv("POSTGRES_PORT", "1")
    run = trendscript("ingest", *arguments)
    assert (run.code, api.requests) == (69, [])
    assert "Postgres can't be reached" in run.err


def test_a_warehouse_without_speech_costs_no_quota(
    api: LoopbackApi, trendscript: Command, empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database of before this release: code 78, what to run, and YouTube isn't asked."""
    point_at(empty_database, monkeypatch)
    run = trendscript("ingest", "videos", a_video_id(1), "--transcribe")
    assert (run.code, api.requests) == (78, [])
    assert "trendscript migrate" in run.err


def test_a_warehouse_lost_on_the_way_loses_no_chart(
    api: LoopbackApi, topics: Topics, trendscript: Command, warehouse: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tables are dropped while the chart is read: it is published and reported, and the code is the failure's."""
    api.data.charts["FR", "0"] = a_chart(2)

    def drop_and_answer(request: ApiRequest) -> ApiAnswer | None:
        with closing(psycopg2.connect(warehouse)) as connection, connection, connection.cursor() as cursor:
            cursor.execute("drop table processed.transcription_request")
        return answer(request)

    answer = api.answer
    monkeypatch.setattr(api, "answer", drop_and_answer)
    run = trendscript("ingest", "charts", "--region", "FR", "--transcribe-top", "3", "--json")
    assert (run.code, run.report["published"], run.report["transcriptions_requested"]) == (78, 2, 0)
    assert len(topics.new("youtube_trending")) == 2
    assert "trendscript migrate" in run.err


@pytest.mark.parametrize(
    "item",
    [None, 7, "text", {}, {"id": None}, {"id": 7}, {"id": "short"}, {"id": {"videoId": a_video_id(1)}}],
    ids=repr,
)
def test_what_has_no_videos_id_is_not_asked_for(item: object) -> None:
    """Whatever the API gave in place of a video: the video behind it is asked for, it isn't."""
    assert keep_speakable([item, {"id": a_video_id(2), "snippet": "odd"}]) == [a_video_id(2)]
