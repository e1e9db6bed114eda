"""Saved answers of videos.list: items verbatim, pages joined, nothing guessed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from ingest.files.entries import Given
from tests.ingest.files.building import FIRST_ID, SECOND_ID, THIRD_ID, Imported, import_text

if TYPE_CHECKING:
    from pathlib import Path

GIVEN = Given(region="US", captured_at=datetime(2026, 11, 21, 6, tzinfo=UTC))
TRACKED = {"videoId": FIRST_ID, "title": "Iris", "views": 10, "likes": 0, "tags": ["a, b"], "regionCode": "AU"}


def an_item(video_id: str = FIRST_ID, **parts: Any) -> dict[str, Any]:
    """A videos resource."""
    return {"kind": "youtube#video", "etag": "x", "id": video_id, **parts}


def a_body(*items: Any, **more: Any) -> dict[str, Any]:
    """An answer of videos.list."""
    return {"kind": "youtube#videoListResponse", "items": list(items), **more}


def import_json(folder: Path, value: Any, given: Given = GIVEN) -> Imported:
    """Import one `.json` file."""
    return import_text(folder, json.dumps(value), given, name="chart.json")


def import_lines(folder: Path, *values: Any, given: Given = GIVEN) -> Imported:
    """Import one `.jsonl` file."""
    return import_text(folder, "\n".join(json.dumps(value) for value in values), given, name="chart.jsonl")


def test_items_of_a_body_are_published_verbatim(tmp_path: Path) -> None:
    """Parts that a body lacks stay absent, what it has stays as it is, and no row stands beside."""
    item = an_item(statistics={"viewCount": "0"}, unheard_of=[None, 1.5, "\U0001f384"])
    found = import_json(tmp_path, a_body(item, an_item(SECOND_ID)))
    assert found.values[0] == {
        "source": "file:videos_list",
        "captured_at": "2026-11-21T06:00:00Z",
        "region_code": "US",
        "category_id": "0",
        "rank": 1,
        "size": 2,
        "item": item,
    }
    assert found.ranks == [(FIRST_ID, 1, 2), (SECOND_ID, 2, 2)]


def test_a_body_without_a_time_asks_for_it(tmp_path: Path) -> None:
    """The file's own time may be a copy's."""
    found = import_json(tmp_path, a_body(an_item()), Given(region="US"))
    assert (found.report.reasons, found.refused) == ({"no_time": 1}, ["chart.json"])
    assert "--captured-at" in found.told[0]


def test_an_empty_body_is_an_empty_reading(tmp_path: Path) -> None:
    """One message with no rank, under the region's key."""
    found = import_json(tmp_path, a_body())
    assert found.keys == [b"US"]
    assert found.values[0].pop("item") is None
    assert found.values == [
        {
            "source": "file:videos_list",
            "captured_at": "2026-11-21T06:00:00Z",
            "region_code": "US",
            "category_id": "0",
            "size": 0,
        }
    ]


FIRST_PAGE = a_body(an_item(), nextPageToken="b", pageInfo={"totalResults": 200})
SECOND_PAGE = a_body(an_item(SECOND_ID), prevPageToken="a")


def test_pages_in_one_file_are_one_reading(tmp_path: Path) -> None:
    """A page that names one before it goes on with its ranks."""
    assert import_lines(tmp_path, FIRST_PAGE, SECOND_PAGE).ranks == [(FIRST_ID, 1, 2), (SECOND_ID, 2, 2)]


def test_pages_in_files_of_their_own_are_one_reading(tmp_path: Path) -> None:
    """Given in their order."""
    paths = [tmp_path / "page1.json", tmp_path / "page2.json"]
    for path, page in zip(paths, (FIRST_PAGE, SECOND_PAGE), strict=True):
        path.write_text(json.dumps(page))
    assert Imported(paths, GIVEN).ranks == [(FIRST_ID, 1, 2), (SECOND_ID, 2, 2)]
    backwards = Imported(paths[::-1], GIVEN)
    assert [(report.published, report.reasons) for report in backwards.reports] == [(0, {"unknown_rank": 1}), (1, {})]


def test_a_first_page_alone_is_a_reading_that_lacks_entries(tmp_path: Path) -> None:
    """Its size is that of the whole chart, so nobody takes it for whole."""
    assert import_json(tmp_path, FIRST_PAGE).ranks == [(FIRST_ID, 1, 200)]


def test_a_broken_page_between_keeps_later_pages_out(tmp_path: Path) -> None:
    """Their ranks would be wrong."""
    paths = [tmp_path / name for name in ("page1.json", "page2.json", "page3.json")]
    for path, text in zip(paths, (json.dumps(FIRST_PAGE), "{", json.dumps(SECOND_PAGE)), strict=True):
        path.write_text(text)
    found = Imported(paths, GIVEN)
    assert found.ranks == [(FIRST_ID, 1, 200)]
    assert found.refused == ["page2.json", "page3.json"]


def test_a_second_reading_at_the_one_time_given_is_rejected(tmp_path: Path) -> None:
    """Two charts of one region can't both be of --captured-at."""
    found = import_lines(tmp_path, a_body(an_item()), a_body(an_item(SECOND_ID), an_item(THIRD_ID)))
    assert found.ranks == [(FIRST_ID, 1, 1)]
    assert found.report.reasons == {"second_reading": 2}


@pytest.mark.parametrize("lines", [[[an_item(), an_item(SECOND_ID)]], [an_item(), an_item(SECOND_ID)]])
def test_items_without_a_body_are_one_reading(tmp_path: Path, lines: list[Any]) -> None:
    """One a line, or a list of them."""
    assert import_lines(tmp_path, *lines).ranks == [(FIRST_ID, 1, 2), (SECOND_ID, 2, 2)]


@pytest.mark.parametrize(
    "value",
    [
        {"kind": "youtube#searchListResponse", "items": [{"id": {"videoId": FIRST_ID}}]},
        {"kind": "youtube#channel", "id": "UC"},
        {"viewCount": "1"},
        {"error": {"code": 403}},
        "text",
        12,
    ],
)
def test_another_answer_is_refused(tmp_path: Path, value: Any) -> None:
    """In a `.json` file the file, in a `.jsonl` file the line."""
    assert "not an answer of videos.list" in (import_json(tmp_path, value).report.error or "")
    found = import_lines(tmp_path, a_body(an_item()), value)
    assert (found.report.published, found.report.reasons) == (1, {"not_a_body": 1})


def test_an_odd_part_of_a_list_costs_itself_only(tmp_path: Path) -> None:
    """The items around it are published, at their places."""
    assert import_json(tmp_path, [an_item(), {"kind": "youtube#channel"}, an_item(THIRD_ID)]).ranks == [
        (FIRST_ID, 1, 3),
        (THIRD_ID, 3, 3),
    ]


@pytest.mark.parametrize("text", ["{", "{} {}", "{'a': 1}", "[" * 100_000, '{"id": NaN}', "\xff"])
def test_what_is_no_json_is_refused(tmp_path: Path, text: str) -> None:
    """In a `.json` file the file, in a `.jsonl` file the line."""
    assert "is not JSON" in (import_text(tmp_path, text.encode("latin-1"), GIVEN, "chart.json").report.error or "")
    lines = json.dumps(a_body(an_item())).encode() + b"\n" + text.encode("latin-1")
    found = import_text(tmp_path, lines, GIVEN, "chart.jsonl")
    assert (found.report.published, found.report.reasons) == (1, {"not_json": 1})


def test_an_item_without_an_id_is_rejected_at_its_place(tmp_path: Path) -> None:
    """It has no key and names no video."""
    found = import_json(tmp_path, a_body(an_item(), {"kind": "youtube#video"}, None, an_item(THIRD_ID)))
    assert found.ranks == [(FIRST_ID, 1, 4), (THIRD_ID, 4, 4)]


def test_a_lone_surrogate_goes_on_to_the_load(tmp_path: Path) -> None:
    """JSON allows it and the contract does not: that is for the load to say."""
    found = import_text(tmp_path, json.dumps(a_body(an_item(title="\ud800"))), GIVEN, "chart.json.gz")
    assert found.report.published == 1


def test_an_item_past_the_limit_of_a_message_is_rejected(tmp_path: Path) -> None:
    """The broker would refuse it, and with it the import."""
    found = import_json(tmp_path, a_body(an_item(), an_item(SECOND_ID, title="x" * 9_000_000)))
    assert (found.report.published, found.report.reasons) == (1, {"too_large": 1})


def test_records_of_a_tracker_are_recognised(tmp_path: Path) -> None:
    """Their time has no zone, which the user has to say; counts become text, a 0 is unknown."""
    record = TRACKED | {"capturedAt": "2025-11-10T22:35:54.568919"}
    assert import_lines(tmp_path, record).report.reasons == {"time_without_zone": 1}
    found = import_lines(tmp_path, record, given=Given(time_zone=ZoneInfo("UTC")))
    (value,) = found.values
    assert (value["source"], value["region_code"]) == ("file:tracker", "AU")
    assert value["captured_at"] == "2025-11-10T22:35:54.568919Z"
    assert value["item"]["statistics"] == {"viewCount": "10"}
    assert value["item"]["snippet"] == {"title": "Iris", "tags": ["a, b"]}
    assert value["row"] == record
