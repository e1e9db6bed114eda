"""Rejected rows: told at first, and kept as they came."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ingest.files.rejects import RejectFileRefused, default_reject_file
from tests.ingest.files.building import FIRST_ID, Imported, a_row, a_table, import_text

if TYPE_CHECKING:
    from pathlib import Path

BAD = a_row(video_id="#NAME?", thumbnail_link="", title="\x1b[2Jé")


def test_rejected_rows_are_written_as_they_came(tmp_path: Path) -> None:
    """With file, line and reason; the file is made with the first of them."""
    (tmp_path / "USvideos.csv").write_text(a_table(a_row(), BAD))
    found = tmp_path / "rejects.jsonl"
    imported = Imported([tmp_path / "USvideos.csv"], reject_file=found)
    assert [value["item"]["id"] for value in imported.values] == [FIRST_ID]
    (line,) = found.read_text().splitlines()
    assert json.loads(line) == {
        "file": str(tmp_path / "USvideos.csv"),
        "line": 3,
        "reason": "bad_id",
        "detail": "'#NAME?' is not a video id, and no picture's address tells it",
        "row": BAD,
    }


def test_the_default_reject_file_never_replaces_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands in the working folder; the rows of an earlier run stay."""
    monkeypatch.chdir(tmp_path)
    assert default_reject_file(tmp_path / "in" / "USvideos.csv").name == "USvideos.csv.rejects.jsonl"
    (tmp_path / "USvideos.csv.rejects.jsonl").touch()
    assert default_reject_file(tmp_path / "USvideos.csv").name == "USvideos.csv.rejects-2.jsonl"


def test_a_reject_file_that_cannot_be_written_stops_the_import(tmp_path: Path) -> None:
    """No rejected row is lost in silence."""
    (tmp_path / "USvideos.csv").write_text(a_table(BAD))
    with pytest.raises(RejectFileRefused, match="--reject-file"):
        Imported([tmp_path / "USvideos.csv"], reject_file=tmp_path / "no folder" / "rejects.jsonl")


def test_only_the_first_rejected_rows_of_a_file_are_told(tmp_path: Path) -> None:
    """A file of eight thousand bad rows doesn't drown the screen."""
    found = import_text(tmp_path, a_table(*[a_row(trending_date="")] * 30))
    assert len(found.told) == 11
    assert found.report.reasons == {"no_time": 30}
