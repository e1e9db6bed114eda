"""`ingest charts` from a loopback API into a real topic."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from ingest.loopback_answers import ApiAnswer, backend_error, chart_not_found, quota_exceeded, rate_limited
from ingest.loopback_api import Fault, LoopbackApi
from tests.commands import Run
from tests.ingest.building import a_chart, a_chart_item, a_video_id, consumer_suspended
from tests.ingest.conftest import KEY, Topics

if TYPE_CHECKING:
    from pathlib import Path

Command = Callable[..., Run]


def test_a_whole_chart_goes_out_ranked_and_sized(api: LoopbackApi, topics: Topics, trendscript: Command) -> None:
    """120 videos come in three pages and go out one a message, ranks 1 to 120, all of one time and size."""
    api.data.charts["FR", "0"] = a_chart(120)
    run = trendscript("ingest", "charts", "--region", "fr", "--json")
    assert (run.code, run.report["published"], run.report["units"]) == (0, 120, 3)
    records = topics.new("youtube_trending")
    values = sorted(topics.new_values("youtube_trending"), key=lambda value: value["rank"])
    assert [value["rank"] for value in values] == list(range(1, 121))
    assert [value["item"] for value in values] == a_chart(120)
    assert {(v["source"], v["region_code"], v["category_id"], v["size"]) for v in values} == {
        ("youtube_api", "FR", "0", 120)
    }
    assert len({value["captured_at"] for value in values}) == 1
    assert values[0]["captured_at"].endswith("Z")
    assert {record.key.decode() for record in records} == {a_video_id(n) for n in range(1, 121)}


def test_every_useful_part_is_asked_for_in_full_pages(api: LoopbackApi, topics: Topics, trendscript: Command) -> None:
    """One request names all the parts a key may read, 50 a page, and the category only where one is meant."""
    api.data.charts["FR", "0"] = a_chart(1)
    api.data.charts["FR", "10"] = a_chart(1)
    assert trendscript("ingest", "charts", "--region", "FR", "--category", "0", "--category", "10").code == 0
    asked = sorted((dict(request.parameters) for request in api.requests), key=len)
    assert {"snippet", "contentDetails", "statistics", "status", "topicDetails", "liveStreamingDetails"} <= set(
        asked[0]["part"].split(",")
    )
    assert (asked[0]["maxResults"], asked[0]["chart"], asked[0].get("videoCategoryId")) == ("50", "mostPopular", None)
    assert asked[1]["videoCategoryId"] == "10"
    assert {value["category_id"] for value in topics.new_values("youtube_trending")} == {"0", "10"}


def test_one_failed_region_stops_no_other(api: LoopbackApi, topics: Topics, trendscript: Command) -> None:
    """US fails on its second page: FR and GB are published whole, of US nothing, and the exit code is 75."""
    for region in ("FR", "US", "GB"):
        api.data.charts[region, "0"] = a_chart(60)
    api.faults.append(Fault(backend_error(), where={"regionCode": "US", "pageToken": "50"}))
    run = trendscript("ingest", "charts", "--region", "FR", "--region", "US", "--region", "GB", "--json")
    assert run.code == 75
    assert [(row["region_code"], row["outcome"]) for row in run.report["regions"]] == [
        ("FR", "read"),
        ("US", "failed"),
        ("GB", "read"),
    ]
    assert run.report["published"] == 120
    assert {value["region_code"] for value in topics.new_values("youtube_trending")} == {"FR", "GB"}
    assert "1 of 3 could not be read; 2 are done" in run.err


def test_requests_are_repeated_and_each_is_charged(api: LoopbackApi, topics: Topics, trendscript: Command) -> None:
    """A 503, a 429, a rate limit and a broken connection pass; each attempt costs a unit and is reported."""
    api.data.charts["FR", "0"] = a_chart(3)
    api.faults += [
        Fault(backend_error(), times=1),
        Fault(ApiAnswer(429, b"slow down"), times=1),
        Fault(rate_limited(), times=1),
        Fault(None, times=1),
    ]
    run = trendscript("ingest", "charts", "--region", "FR", "--json")
    assert (run.code, run.report["published"]) == (0, 3)
    assert run.report["units"] == run.report["requests"] == 5
    [usage] = topics.new_values("api_usage")
    assert (usage["units"], usage["requests"], usage["bucket"]) == (5, 5, "default")
    assert (usage["provider"], usage["command"], usage["source"]) == (
        "youtube_data_api",
        "ingest charts",
        "trendscript",
    )


def test_a_spent_quota_keeps_what_was_read_whole(
    api: LoopbackApi, topics: Topics, trendscript: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The quota ends within the second region: the first is published, the rest isn't asked for, exit code 75."""
    monkeypatch.setenv("YOUTUBE_PARALLEL_REGIONS", "1")
    for region in ("FR", "US", "GB"):
        api.data.charts[region, "0"] = a_chart(60)
    api.faults.append(Fault(quota_exceeded(), after=3))
    run = trendscript("ingest", "charts", "--region", "FR", "--region", "US", "--region", "GB", "--json")
    assert (run.code, run.report["published"], len(api.requests)) == (75, 60, 4)
    assert {value["region_code"] for value in topics.new_values("youtube_trending")} == {"FR"}
    assert "quota" in run.err
    assert "midnight Pacific" in run.err
    assert [usage["units"] for usage in topics.new_values("api_usage")] == [4]


def test_max_units_stops_before_it_is_passed(api: LoopbackApi, topics: Topics, trendscript: Command) -> None:
    """Five units are enough for one chart of three pages and not for two: one is published, at most five spent."""
    for region in ("FR", "US"):
        api.data.charts[region, "0"] = a_chart(150)
    run = trendscript("ingest", "charts", "--region", "FR", "--region", "US", "--max-units", "5", "--json")
    assert (run.code, run.report["published"], len(api.requests)) == (75, 150, 5)
    assert {value["region_code"] for value in topics.new_values("youtube_trending")} == {"FR"}
    assert "--max-units" in run.err


@pytest.mark.parametrize("status", [400, 404])
def test_a_chart_that_youtube_lacks_is_skipped_and_told(
    api: LoopbackApi, topics: Topics, trendscript: Command, status: int
) -> None:
    """videoChartNotFound, documented as 400 and seen as 404, is no failure: the row says so, the exit code is 0."""
    api.data.charts["FR", "0"] = a_chart(2)
    api.faults.append(Fault(chart_not_found(status), where={"regionCode": "IR"}))
    run = trendscript("ingest", "charts", "--region", "IR", "--region", "FR", "--json")
    assert (run.code, run.report["published"]) == (0, 2)
    assert run.report["regions"][0]["outcome"] == "not_found"
    assert "videoChartNotFound" in run.report["regions"][0]["reason"]
    assert {value["region_code"] for value in topics.new_values("youtube_trending")} == {"FR"}


def test_an_empty_chart_is_a_message_too(api: LoopbackApi, topics: Topics, trendscript: Command) -> None:
    """A chart without entries publishes that it was empty: size 0, no rank, the region as the key."""
    api.data.charts["FR", "0"] = []
    assert trendscript("ingest", "charts", "--region", "FR").code == 0
    [record] = topics.new("youtube_trending")
    [value] = topics.new_values("youtube_trending")
    assert record.key == b"FR"
    assert (value["size"], value["item"], "rank" in value) == (0, None, False)


def test_an_item_without_an_id_goes_out_as_it_came(api: LoopbackApi, topics: Topics, trendscript: Command) -> None:
    """Judging a record is the loader's part: it is published with its rank and without a key."""
    broken = a_chart_item(2, id=None)
    api.data.charts["FR", "0"] = [a_chart_item(1), broken, "not an object"]
    assert trendscript("ingest", "charts", "--region", "FR").code == 0
    found = {value["rank"]: value["item"] for value in topics.new_values("youtube_trending")}
    assert found == {1: a_chart_item(1), 2: broken, 3: "not an object"}
    assert sorted(record.key or b"" for record in topics.new("youtube_trending")) == [b"", b"", b"video000001"]


def test_a_video_that_comes_twice_counts_once(api: LoopbackApi, topics: Topics, trendscript: Command) -> None:
    """The chart moved between two pages: the first place counts, ranks close up, and the report says it."""
    api.data.charts["FR", "0"] = [*a_chart(50), a_chart_item(50), *a_chart(10, first=51)]
    run = trendscript("ingest", "charts", "--region", "FR", "--json")
    values = sorted(topics.new_values("youtube_trending"), key=lambda value: value["rank"])
    assert [(v["rank"], v["item"]["id"]) for v in values] == [(n, a_video_id(n)) for n in range(1, 61)]
    assert {value["size"] for value in values} == {60}
    assert (run.report["regions"][0]["size"], run.report["regions"][0]["duplicates"]) == (60, 1)


def test_text_that_is_no_unicode_goes_out_as_it_came(api: LoopbackApi, topics: Topics, trendscript: Command) -> None:
    """A lone surrogate and a number past 64 bits are passed on escaped, and neighbours are not touched."""
    page = (
        rb'{"items":[{"id":"video000001","snippet":{"title":"\ud800"}},{"id":"video000002","n":99999999999999999999}]}'
    )
    api.data.chart_bodies["FR", "0"] = [page]
    assert trendscript("ingest", "charts", "--region", "FR").code == 0
    values = b"".join(record.value for record in topics.new("youtube_trending"))
    assert rb'"title":"\ud800"' in values
    assert b'"n":99999999999999999999' in values


def test_all_regions_are_those_the_api_lists(api: LoopbackApi, topics: Topics, trendscript: Command) -> None:
    """--all-regions asks for the list, a unit more, and reads each."""
    api.data.regions = ["US", "FR"]
    api.data.charts = {("FR", "0"): a_chart(1), ("US", "0"): a_chart(2)}
    run = trendscript("ingest", "charts", "--all-regions", "--json")
    assert (run.code, run.report["published"], run.report["units"]) == (0, 3, 3)
    assert [row["region_code"] for row in run.report["regions"]] == ["FR", "US"]
    assert len(topics.new("youtube_trending")) == 3


def test_regions_come_from_the_settings_where_none_is_named(
    api: LoopbackApi, topics: Topics, trendscript: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """YOUTUBE_REGIONS stands in for --region."""
    monkeypatch.setenv("YOUTUBE_REGIONS", "fr, us")
    api.data.charts = {("FR", "0"): a_chart(1), ("US", "0"): a_chart(1)}
    assert trendscript("ingest", "charts").code == 0
    assert len(topics.new("youtube_trending")) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--region", "UK"], "did you mean GB"),
        (["--region", "FRA"], "two letters"),
        (["--region", "FR", "--category", "music"], "A category is a number"),
        ([], "YOUTUBE_REGIONS"),
        (["--region", "FR", "--max-units", "-1"], "max-units"),
    ],
)
def test_a_mistyped_request_costs_nothing(
    api: LoopbackApi, trendscript: Command, arguments: list[str], said: str
) -> None:
    """Usage errors end with code 2 and a sentence, before anything is asked."""
    run = trendscript("ingest", "charts", *arguments)
    assert run.code == 2
    assert said in run.err
    assert api.requests == []


def test_without_a_key_the_setting_is_named(trendscript: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """No key: code 78, and the sentence names both ways to set it."""
    monkeypatch.delenv("YOUTUBE_API_KEY")
    run = trendscript("ingest", "charts", "--region", "FR")
    assert run.code == 78
    assert "YOUTUBE_API_KEY_FILE" in run.err


def test_a_file_that_nobody_has_filled_in_is_no_key(
    trendscript: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An empty YOUTUBE_API_KEY_FILE: as without a key, code 78 and the sentence that says how to set it."""
    monkeypatch.delenv("YOUTUBE_API_KEY")
    (tmp_path / "key").write_text("\n", encoding="utf-8")
    monkeypatch.setenv("YOUTUBE_API_KEY_FILE", str(tmp_path / "key"))
    run = trendscript("ingest", "charts", "--region", "FR")
    assert run.code == 78
    assert "YOUTUBE_API_KEY_FILE" in run.err


def test_a_key_that_is_refused_ends_it_for_all_regions(
    api: LoopbackApi, trendscript: Command, monkeypatch: pytest.MonkeyPatch, contract_topics: list[str]
) -> None:
    """A wrong key: code 78 after few requests, and neither the key nor an address with it is printed, even on debug."""
    assert contract_topics
    monkeypatch.setenv("YOUTUBE_API_KEY", "wrong-key-123")
    regions = [part for code in ("FR", "US", "GB", "DE", "IT", "ES") for part in ("--region", code)]
    run = trendscript("ingest", "charts", *regions)
    assert run.code == 78
    assert "API_KEY_INVALID" in run.err
    assert len(api.requests) <= 4
    assert "wrong-key-123" not in run.out + run.err


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_key_that_google_names_is_not_shown(
    api: LoopbackApi, trendscript: Command, contract_topics: list[str], form: list[str]
) -> None:
    """Google's words on a suspended key hold the key; the sentence and the report hold the words without it."""
    assert contract_topics
    api.faults.append(Fault(consumer_suspended(KEY)))
    run = trendscript("ingest", "charts", "--region", "FR", "--region", "US", *form)
    assert run.code == 78
    assert "has been suspended" in run.err + run.out
    assert KEY not in run.out + run.err


def test_an_unreachable_api_is_named(
    trendscript: Command, monkeypatch: pytest.MonkeyPatch, contract_topics: list[str]
) -> None:
    """Nothing listens: code 69 after a few attempts, with the address."""
    assert contract_topics
    monkeypatch.setenv("YOUTUBE_API_ENDPOINT", "http://127.0.0.1:9")
    run = trendscript("ingest", "charts", "--region", "FR")
    assert run.code == 69
    assert "http://127.0.0.1:9" in run.err
    assert KEY not in run.out + run.err


def test_no_unit_is_spent_when_kafka_is_down(
    api: LoopbackApi, trendscript: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code 69 before the API is asked for anything."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9")
    api.data.charts["FR", "0"] = a_chart(1)
    run = trendscript("ingest", "charts", "--region", "FR")
    assert run.code == 69
    assert "127.0.0.1:9" in run.err
    assert api.requests == []


def test_pages_that_never_end_fail_the_region(api: LoopbackApi, topics: Topics, trendscript: Command) -> None:
    """A page that names itself as the next ends the reading instead of spending the day's quota."""
    api.data.chart_bodies["FR", "0"] = [b'{"items":[],"nextPageToken":"A"}', b'{"items":[],"nextPageToken":"A"}']
    run = trendscript("ingest", "charts", "--region", "FR")
    assert run.code == 75
    assert "never end" in run.err
    assert len(api.requests) == 2
    assert topics.new("youtube_trending") == []


def test_in_a_pipe_the_report_is_plain_text(api: LoopbackApi, trendscript: Command, contract_topics: list[str]) -> None:
    """One line a region with tabs between the columns, and the counts; nothing on standard error."""
    assert contract_topics
    api.data.charts["FR", "0"] = a_chart(2)
    run = trendscript("ingest", "charts", "--region", "FR")
    assert run.out.splitlines() == ["FR\t0\tread\t2\t", "2 published, 0 rejected, 1 units of quota spent."]
    assert run.err == ""
