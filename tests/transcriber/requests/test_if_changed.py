"""`request-transcription --if-changed`: a look at each video, compared with the one that the warehouse holds."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

import psycopg2
import pytest

from tests.commands import Run
from tests.warehouse.speech import add_format, add_stub
from transcriber.audio.changes import HeldFormat
from transcriber.audio.source import AudioFormat, Look
from transcriber.faults import PassingFault, VideoFault
from transcriber.requests.changed_audio import Looks, look_for_changes
from trendscript.contracts import load_contract
from trendscript.contracts.rows import MessageReader, Rejected

if TYPE_CHECKING:
    from pathlib import Path

    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (a class with a lower-case name)

    from tests.ingest.conftest import Topics

Command = Callable[..., Run]

SAME, GROWN, GONE, NEW = "aaaaaaaaaa1", "aaaaaaaaaa2", "aaaaaaaaaa3", "aaaaaaaaaa4"


@pytest.fixture
def looked_at(warehouse: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of audio of which the warehouse knows three files: one as it is, one smaller, one that is gone."""
    folder = tmp_path / "audio"
    folder.mkdir()
    for video_id in (SAME, GROWN, NEW):
        (folder / f"{video_id}.wav").write_bytes(b"0" * 1000)
    monkeypatch.setenv("AUDIO_SOURCE", "folder")
    monkeypatch.setenv("AUDIO_FOLDER", str(folder))

    def rows(cursor: Cursor) -> None:
        add_format(cursor, SAME, bytes=1000)
        add_format(cursor, GROWN, bytes=999)
        add_format(cursor, GONE, bytes=1000)
        add_stub(cursor, NEW)

    with closing(psycopg2.connect(warehouse)) as connection, connection, connection.cursor() as cursor:
        rows(cursor)
    return folder


@pytest.mark.usefixtures("looked_at")
def test_another_size_is_published_and_asked_for(topics: Topics, trendscript: Command) -> None:
    """Of four videos one has grown: its format and a request go out; the others are counted, the lost one told."""
    run = trendscript("request-transcription", "--if-changed", "--json", SAME, GROWN, GONE, NEW)
    assert run.code == 0, run.err
    assert run.report == {
        "published": 1,
        "already_asked": 0,
        "rejected": 0,
        "rejected_ids": [],
        "changed": 1,
        "unchanged": 1,
        "never_seen": 1,
        "faults": {GONE: "no_file"},
    }
    [request] = topics.new_values("transcription_request")
    assert (request["video_id"], request["reason"], request["again"]) == (GROWN, "audio_changed", False)
    [record] = topics.new("youtube_audio_format")
    assert record.key == GROWN.encode()
    rows = MessageReader(load_contract("youtube_audio_format")).read(record.value)
    assert not isinstance(rows, Rejected)
    [value] = topics.new_values("youtube_audio_format")
    assert (value["source"], value["item"]["format"]["bytes"], value["item"]["details"]) == ("folder", 1000, None)
    assert f"{GONE} can't be looked at: no_file" in run.err


@pytest.mark.usefixtures("looked_at")
def test_a_plan_looks_and_publishes_nothing(topics: Topics, trendscript: Command) -> None:
    """--dry-run tells how many would be asked for."""
    run = trendscript("request-transcription", "--if-changed", "--dry-run", "--json", SAME, GROWN)
    assert (run.code, run.report["plan"]["videos"], run.report["published"]) == (0, 1, 0)
    assert (topics.new("transcription_request"), topics.new("youtube_audio_format")) == ([], [])


def test_a_folder_that_is_gone_ends_it_with_its_code(looked_at: Path, topics: Topics, trendscript: Command) -> None:
    """What keeps every video from being looked at is no video's fault: code 78, and the counts so far."""
    looked_at.rename(looked_at.with_name("elsewhere"))
    run = trendscript("request-transcription", "--if-changed", "--json", GROWN, GONE)
    assert (run.code, run.report["published"], run.report["faults"]) == (78, 0, {})
    assert "AUDIO_FOLDER" in run.err
    assert topics.new("transcription_request") == []


def test_without_a_folder_the_setting_is_named(
    looked_at: Path, trendscript: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AUDIO_SOURCE=folder without AUDIO_FOLDER: code 78."""
    del looked_at
    monkeypatch.delenv("AUDIO_FOLDER")
    run = trendscript("request-transcription", "--if-changed", GROWN)
    assert run.code == 78
    assert "AUDIO_FOLDER is not set" in run.err


class _BotWall:
    """A source that shows changed audio of one video and is then asked whether it is a robot."""

    name = "pytubefix"

    def look(self, video_id: str) -> Look:
        if video_id == SAME:
            raise VideoFault("private", "This video is private.")
        if video_id == NEW:
            raise PassingFault("YouTube takes us for a robot. Try again later.")
        return Look(video_id, AudioFormat(itag=251, bytes=1))

    def fetch(self, look: Look, folder: Path, *, stop: Callable[[], bool] = lambda: False) -> Path:
        raise NotImplementedError


@pytest.mark.usefixtures("looked_at")
def test_what_was_found_before_a_fault_is_published(
    topics: Topics, trendscript: Command, monkeypatch: pytest.MonkeyPatch, warehouse: str
) -> None:
    """The bot wall comes at the second video: the first is published and counted, and the exit code is the fault's."""
    with closing(psycopg2.connect(warehouse)) as connection, connection, connection.cursor() as cursor:
        add_format(cursor, NEW, bytes=1)
    monkeypatch.setattr("transcriber.requests.requesting.open_source", lambda _: _BotWall())
    run = trendscript("request-transcription", "--if-changed", "--json", GROWN, NEW, GONE)
    assert (run.code, run.report["published"], run.report["changed"]) == (75, 1, 1)
    assert "robot" in run.err
    assert [value["video_id"] for value in topics.new_values("transcription_request")] == [GROWN]
    assert [value["item"]["id"] for value in topics.new_values("youtube_audio_format")] == [GROWN]


def test_a_fault_of_one_video_stops_no_other() -> None:
    """It is told with its reason, and the next is looked at."""
    looks, told = Looks(), list[str]()
    held = {SAME: HeldFormat(140, 1), GROWN: HeldFormat(140, 1)}
    found = list(look_for_changes(_BotWall(), held, looks, tell=told.append))
    assert [look.video_id for look in found] == [GROWN]
    assert (looks.faults, told) == ({SAME: "private"}, [f"{SAME} can't be looked at: private: This video is private."])
