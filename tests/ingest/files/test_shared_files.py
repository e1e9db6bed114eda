"""The real files beside the project: every row is published or rejected with a reason, as a plain fold says."""

from __future__ import annotations

import csv
import io
import json
import lzma
import re
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ingest.files.entries import Given
from tests.ingest.files.building import Imported

SHARED = Path(__file__).parents[4] / "shared" / "data"
CHARTS = SHARED / "youtube_charts"
LEGACY = SHARED / "youtube_legacy_csv"
BODIES = SHARED / "youtube_api"

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason=f"the real files are not here: there is no {SHARED}")


def read_rows(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file, by Python's own reader and nothing of ours."""
    content = path.read_bytes()
    text = (lzma.decompress(content) if path.suffix == ".xz" else content).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("country", ["BD", "US"])
def test_daily_charts_agree_with_a_fold_of_the_file(country: str) -> None:
    """A reading is a day there: its rows, ranks, times and counts; 0 stands for absent."""
    path = CHARTS / f"{country}.csv.xz"
    days: dict[str, list[dict[str, str]]] = {}
    for row in read_rows(path):
        days.setdefault(row["fetched_at"][:10], []).append(row)
    expected = [
        (
            country,
            datetime.fromisoformat(rows[0]["fetched_at"]),
            rank,
            len(rows),
            row["video_id"],
            None if row["views"] == "0" else int(row["views"]),
        )
        for rows in days.values()
        for rank, row in enumerate(rows, start=1)
    ]
    found = Imported([path])
    assert [to_facts(value) for value in found.values] == expected
    assert (found.report.readings, found.report.rejected) == (len(days), 0)


def to_facts(value: dict[str, Any]) -> tuple[Any, ...]:
    """What a message says of a place on a chart."""
    views = value["item"].get("statistics", {}).get("viewCount")
    return (
        value["region_code"],
        datetime.fromisoformat(value["captured_at"]),
        value["rank"],
        value["size"],
        value["item"]["id"],
        None if views is None else int(views),
    )


@pytest.mark.parametrize("path", sorted(LEGACY.glob("*/*.csv")), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_row_of_an_old_file_is_published_or_rejected(path: Path) -> None:
    """All are published but rows that don't say their date; ids that Excel destroyed come from the picture."""
    rows = read_rows(path)
    undated = sum("date" in row and not re.fullmatch(r"\d\d\.\d\d?", row["date"]) for row in rows)
    found = Imported([path], Given(year=2017))
    assert (found.report.rows, found.report.rejected) == (len(rows), undated)
    thumbnails = [row.get("thumbnail_link") or row["thumbnails"] for row in rows]
    published = {value["item"]["id"] for value in found.values}
    assert published <= {thumbnail.split("/")[4] for thumbnail in thumbnails}


def test_old_files_without_a_year_are_reported_row_by_row() -> None:
    """Without --year not one is guessed."""
    found = Imported([LEGACY / "datasnaek_v1_Thend911" / "GBvideos.csv"])
    assert found.report.published == 0
    assert found.report.reasons == {"time_without_year": 7_993, "bad_time": 2}


def test_saved_bodies_are_published_item_by_item() -> None:
    """Every answer of videos.list, some without snippet or statistics; other answers are refused."""
    given = Given(region="US", captured_at=datetime.fromisoformat("2020-01-01T00:00:00Z"), time_zone=ZoneInfo("UTC"))
    for path in sorted(BODIES.rglob("*.json")):
        body = json.loads(path.read_text(encoding="utf-8"))
        found = Imported([path], given)
        if isinstance(body, dict) and body.get("kind") == "youtube#videoListResponse" and "prevPageToken" not in body:
            assert [value["item"] for value in found.values] == body["items"], path.name
        elif isinstance(body, dict) and body.get("kind") == "youtube#video":
            assert [value["item"] for value in found.values] == [body], path.name
        else:
            assert found.refused == [path.name]
    assert Imported([BODIES / "misc" / "trending_AU.jsonl"], given).report.published == 10
