"""`trendscript ingest file` as a user runs it: the report, the reject file, the exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.ingest.files.building import a_row, a_table
from trendscript.cli.main import app
from trendscript.errors import UsageError

ONE_GOOD_ONE_BAD = a_table(a_row(), a_row(video_id="#NAME?", thumbnail_link="", title="\x1b[2Jé"))


def run(folder: Path, *arguments: str, broker: str = "127.0.0.1:9") -> subprocess.CompletedProcess[str]:
    """Run the command in the folder, against a broker that isn't there unless told."""
    return subprocess.run(
        [Path(sys.executable).with_name("trendscript"), "ingest", "file", *arguments],
        cwd=folder,
        env={"KAFKA_BOOTSTRAP_SERVERS": broker, "TRENDSCRIPT_HOME": str(folder), "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one file of a good row and a bad one."""
    (tmp_path / "USvideos.csv").write_text(ONE_GOOD_ONE_BAD)
    return tmp_path


def test_a_dry_run_counts_and_writes_nothing(folder: Path) -> None:
    """It needs no broker; rejected rows are told and the exit code is 0."""
    ended = run(folder, "USvideos.csv", "--dry-run", "--json")
    report = json.loads(ended.stdout)
    assert (ended.returncode, report["published"], report["rejected"], report["dry_run"]) == (0, 1, 1, True)
    assert report["files"] == [
        {
            "path": "USvideos.csv",
            "layout": "kaggle_2017",
            "rows": 2,
            "readings": 1,
            "published": 1,
            "rejected": 1,
            "reasons": {"bad_id": 1},
            "error": None,
        }
    ]
    assert "USvideos.csv:3: '#NAME?' is not a video id" in ended.stderr
    assert [path.name for path in folder.iterdir()] == ["USvideos.csv"]


def test_a_report_for_a_person_says_each_file_and_the_sum(folder: Path) -> None:
    """Rows in = published + rejected."""
    ended = run(folder, "USvideos.csv", "--dry-run")
    assert ended.stdout == (
        "USvideos.csv: kaggle_2017, 2 rows in 1 reading, 1 published, 1 rejected\n"
        "2 rows: 1 would be published, 1 rejected\n"
    )


def test_a_broker_that_is_not_there_ends_with_69(folder: Path) -> None:
    """One sentence, no traceback."""
    ended = run(folder, "USvideos.csv")
    assert ended.returncode == 69, ended.stderr
    assert "127.0.0.1:9" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["missing.csv"], "missing.csv is not there"),
        (["."], "is a folder"),
        (["notes.txt"], "no known kind"),
        (["USvideos.csv", "--region", "USA"], "USA"),
        (["USvideos.csv", "--category", "music"], "category"),
        (["USvideos.csv", "--captured-at", "yesterday"], "--captured-at"),
        (["USvideos.csv", "--captured-at", "2026-11-21T06:00:00"], "--time-zone"),
        (["USvideos.csv", "--time-zone", "Mars"], "--time-zone"),
        (["USvideos.csv", "--reject-file", "USvideos.csv"], "overwrite"),
    ],
)
def test_what_makes_no_sense_ends_with_2(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], sentence: str
) -> None:
    """Before anything is read or published."""
    monkeypatch.chdir(folder)
    (folder / "notes.txt").touch()
    ended = CliRunner().invoke(app, ["ingest", "file", *arguments, "--dry-run"])
    assert isinstance(ended.exception, UsageError)
    assert sentence in str(ended.exception)
    assert ended.stdout == ""


def test_a_file_that_cannot_be_read_ends_with_65_and_the_others_go_on(folder: Path) -> None:
    """Its sentence stands on standard error, the report has both files."""
    (folder / "broken.csv.xz").write_bytes(b"\xfd7zXZ\x00broken")
    ended = run(folder, "broken.csv.xz", "USvideos.csv", "--dry-run", "--json")
    assert ended.returncode == 65
    assert "broken.csv.xz is damaged" in ended.stderr
    assert [file["published"] for file in json.loads(ended.stdout)["files"]] == [0, 1]


def test_help_names_every_option(folder: Path) -> None:
    """What the README and this page name is there."""
    text = run(folder, "--help").stdout
    options = "--region --category --captured-at --year --time-zone --reject-file --dry-run --json"
    assert [option for option in options.split() if option not in text] == []
