"""Readings: where one ends and the next begins, and its time, ranks and size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ingest.files.entries import Given
from ingest.files.readings import MAX_READING_ROWS
from ingest.files.regions import region_of_name
from tests.ingest.files.building import FIRST_ID, SECOND_ID, THIRD_ID, Imported, a_row, a_table, import_text

if TYPE_CHECKING:
    from pathlib import Path


def a_daily_row(video_id: str, fetched_at: str, country: str = "US") -> dict[str, str]:
    """A row of the daily layout at a time of 2025-12-10."""
    fetched_at = fetched_at if fetched_at.startswith("20") else f"2025-12-10 {fetched_at}+00:00"
    return a_row("kaggle_daily", video_id=video_id, fetched_at=fetched_at, country=country)


def readings_of(found: Imported) -> list[tuple[str, str, int]]:
    """Region, time and size of each reading, in order."""
    heads = [(value["region_code"], value["captured_at"], value["size"]) for value in found.values]
    return list(dict.fromkeys(heads))


def test_a_message_is_the_envelope_of_its_row(tmp_path: Path) -> None:
    """Source, coordinates of the reading, the item, and the row as it came; the key is the video's id."""
    found = import_text(tmp_path, a_table(a_row()))
    (value,) = found.values
    assert value.pop("item")["id"] == FIRST_ID
    assert value.pop("row") == a_row()
    assert value == {
        "source": "file:kaggle_2017",
        "captured_at": "2017-11-14T00:00:00Z",
        "region_code": "US",
        "category_id": "0",
        "rank": 1,
        "size": 1,
    }
    assert found.keys == [FIRST_ID.encode()]


def test_rows_of_a_pull_share_the_time_of_the_first(tmp_path: Path) -> None:
    """In the daily layout each row has a time of its own, microseconds after the one before."""
    rows = [a_daily_row(FIRST_ID, "05:38:04.573600"), a_daily_row(SECOND_ID, "05:38:04.573623")]
    found = import_text(tmp_path, a_table(*rows))
    assert readings_of(found) == [("US", "2025-12-10T05:38:04.573600Z", 2)]
    assert found.ranks == [(FIRST_ID, 1, 2), (SECOND_ID, 2, 2)]


@pytest.mark.parametrize(
    ("second", "readings"),
    [("05:48:04", 1), ("05:48:05", 2), ("05:28:04", 1), ("05:28:03", 2), ("2025-12-11 05:38:04+00:00", 2)],
)
def test_a_pause_of_ten_minutes_ends_a_reading(tmp_path: Path, second: str, readings: int) -> None:
    """Either way, so that files pasted together in any order stay apart."""
    found = import_text(tmp_path, a_table(a_daily_row(FIRST_ID, "05:38:04"), a_daily_row(SECOND_ID, second)))
    assert found.report.readings == len(readings_of(found)) == readings


def test_another_country_ends_a_reading(tmp_path: Path) -> None:
    """One file may hold many countries; the column wins over the file's name and --region."""
    rows = [a_daily_row(FIRST_ID, "05:38:04"), a_daily_row(FIRST_ID, "05:38:04", "fr")]
    found = import_text(tmp_path, a_table(*rows), Given(region="DE"))
    assert [region for region, _, _ in readings_of(found)] == ["US", "FR"]


def test_the_end_of_a_file_ends_a_reading(tmp_path: Path) -> None:
    """Two files of one region and day are two readings."""
    paths = [tmp_path / name for name in ("US_1.csv", "US_2.csv")]
    for path, video_id in zip(paths, (FIRST_ID, SECOND_ID), strict=True):
        path.write_text(a_table(a_row(video_id=video_id)))
    found = Imported(paths)
    assert found.ranks == [(FIRST_ID, 1, 1), (SECOND_ID, 1, 1)]
    assert [report.readings for report in found.reports] == [1, 1]


def test_a_bad_row_keeps_its_place(tmp_path: Path) -> None:
    """The reading's size counts it, so the reading shows as one that lacks an entry."""
    rows = [a_row(), a_row(video_id="#NAME?", thumbnail_link=""), a_row(video_id=THIRD_ID)]
    assert import_text(tmp_path, a_table(*rows)).ranks == [(FIRST_ID, 1, 3), (THIRD_ID, 3, 3)]


@pytest.mark.parametrize("date", ["24.09l7yxJDFvTRM", ""])
def test_a_row_without_a_readable_time_stays_between_its_neighbours(tmp_path: Path, date: str) -> None:
    """It counts to the reading in which it stands."""
    dates = {FIRST_ID: "17.14.11", SECOND_ID: date, THIRD_ID: "17.14.11"}
    rows = [a_row(video_id=video_id, trending_date=date) for video_id, date in dates.items()]
    assert import_text(tmp_path, a_table(*rows)).ranks == [(FIRST_ID, 1, 3), (THIRD_ID, 3, 3)]


def test_a_row_without_a_time_before_all_readings_is_in_none(tmp_path: Path) -> None:
    """It is rejected alone."""
    found = import_text(tmp_path, a_table(a_row(trending_date=""), a_row(video_id=SECOND_ID)))
    assert found.ranks == [(SECOND_ID, 1, 1)]


def test_a_repeated_video_is_rejected_and_the_others_close_up(tmp_path: Path) -> None:
    """A chart that moves while its pages are read gives a video twice; its first place counts."""
    found = import_text(tmp_path, a_table(a_row(), a_row(), a_row(video_id=THIRD_ID)))
    assert found.ranks == [(FIRST_ID, 1, 2), (THIRD_ID, 2, 2)]
    assert found.report.reasons == {"repeated_video": 1}
    assert "line 2" in found.told[0]


def test_a_reading_past_the_limit_is_rejected_whole(tmp_path: Path) -> None:
    """It is no one pull, and is held no further than the limit; the reading after it is published."""
    rows = [a_row(video_id=f"{number:011}") for number in range(MAX_READING_ROWS + 10)]
    found = import_text(tmp_path, a_table(*rows, a_row(trending_date="17.15.11")))
    assert found.report.reasons == {"reading_too_long": MAX_READING_ROWS + 10}
    assert found.ranks == [(FIRST_ID, 1, 1)]


def test_a_region_that_nothing_tells_is_asked_for(tmp_path: Path) -> None:
    """Every row says so, and a file without one published row is refused."""
    found = import_text(tmp_path, a_table(a_row()), name="videos.csv")
    assert (found.report.reasons, found.refused) == ({"no_region": 1}, ["videos.csv"])
    assert "--region" in found.told[0]
    assert import_text(tmp_path, a_table(a_row()), Given(region="IN"), name="videos.csv").refused == []


@pytest.mark.parametrize(
    ("name", "region"),
    [
        ("USvideos.csv", "US"),
        ("US.csv.xz", "US"),
        ("18.01.11_BR_videos.csv", "BR"),
        ("US_youtube_trending_data.csv", "US"),
        ("20210201_US.csv", "US"),
        ("trending_AU.jsonl", "AU"),
        ("YT_FR.csv", "FR"),
        ("TV_videos.csv", None),
        ("US_and_GB.csv", None),
        ("us.csv", None),
        ("BUSvideos.csv", None),
        ("videos.csv", None),
    ],
)
def test_a_file_name_tells_one_region_or_none(name: str, region: str | None) -> None:
    """Two capitals on their own, or before `videos`, that are one of YouTube's regions."""
    assert region_of_name(name) == region
