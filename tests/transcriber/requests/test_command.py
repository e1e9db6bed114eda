"""`trendscript request-transcription` from the command line into the real topic."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

import psycopg2
import pytest

from tests.commands import Run
from tests.warehouse.pointing import point_at
from tests.warehouse.rows import add
from tests.warehouse.speech import add_format, add_request, add_stub, add_transcription
from trendscript.contracts.rows import Rejected
from trendscript.transcription_requests import parse_request

if TYPE_CHECKING:
    from pathlib import Path

    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (a class with a lower-case name)

    from tests.ingest.conftest import Topics

Command = Callable[..., Run]

FIRST, SECOND, THIRD = "aaaaaaaaaa1", "aaaaaaaaaa2", "-aaaaaaaaa3"
TOPIC = "transcription_request"


@pytest.mark.usefixtures("warehouse")
def test_each_video_becomes_one_request(topics: Topics, trendscript: Command) -> None:
    """Ids and addresses, one of them twice: a message each, keyed by the video, that the contract accepts."""
    run = trendscript(
        "request-transcription", "--json", "--", FIRST, f"https://youtu.be/{SECOND}?t=3", THIRD, f"youtu.be/{FIRST}"
    )
    assert run.code == 0, run.err
    assert run.report == {"published": 3, "already_asked": 0, "rejected": 0, "rejected_ids": []}
    assert {record.key.decode() for record in topics.new(TOPIC)} == {FIRST, SECOND, THIRD}
    requests = [parse_request(record.value) for record in topics.new(TOPIC)]
    assert not [request for request in requests if isinstance(request, Rejected)]
    assert len({value["request_id"] for value in topics.new_values(TOPIC)}) == 3
    assert {(v["model"], v["again"], v["reason"], v["source"]) for v in topics.new_values(TOPIC)} == {
        (None, False, "asked", "request_transcription")
    }


def test_videos_asked_for_before_are_left_out(warehouse: str, topics: Topics, trendscript: Command) -> None:
    """One was asked for, one is transcribed: only the third goes out, and the two are counted."""
    _fill(warehouse, lambda cursor: add_request(cursor, FIRST))
    _fill(warehouse, lambda cursor: add_transcription(cursor, SECOND))
    run = trendscript("request-transcription", "--json", "--", FIRST, SECOND, THIRD)
    assert (run.code, run.report["published"], run.report["already_asked"]) == (0, 1, 2)
    assert [value["video_id"] for value in topics.new_values(TOPIC)] == [THIRD]


def test_another_model_is_another_wish(warehouse: str, topics: Topics, trendscript: Command) -> None:
    """A video that tiny.en has transcribed is asked for when somebody names a model; the request names it."""
    _fill(warehouse, lambda cursor: add_transcription(cursor, FIRST))
    run = trendscript("request-transcription", "--model", "small", FIRST)
    assert (run.code, run.out) == (0, "1 published, 0 asked for before, 0 rejected.\n")
    assert [value["model"] for value in topics.new_values(TOPIC)] == ["small"]


def test_again_asks_for_all_without_a_warehouse(
    topics: Topics, trendscript: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--again looks nothing up: it works while Postgres is away, and the request says it."""
    _point_nowhere(monkeypatch)
    run = trendscript("request-transcription", FIRST, "--again", "--json")
    assert (run.code, run.report["published"]) == (0, 1)
    assert [value["again"] for value in topics.new_values(TOPIC)] == [True]


def test_a_warehouse_that_is_away_stops_it(
    topics: Topics, trendscript: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without knowing what was asked for nothing is published: code 69, and the address that doesn't answer."""
    _point_nowhere(monkeypatch)
    run = trendscript("request-transcription", FIRST)
    assert (run.code, topics.new(TOPIC)) == (69, [])
    assert "Postgres can't be reached" in run.err


def test_a_warehouse_without_speech_stops_it(
    topics: Topics, trendscript: Command, empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unmigrated database: code 78, and what to run."""
    point_at(empty_database, monkeypatch)
    run = trendscript("request-transcription", FIRST)
    assert (run.code, topics.new(TOPIC)) == (78, [])
    assert "trendscript migrate" in run.err


@pytest.mark.usefixtures("warehouse")
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--", FIRST, "--exec"], 2, "'--exec' is not a video"),
        ([FIRST, "https://www.youtube.com/playlist?list=PLaaaaaaaaaaaaaaaa"], 2, "is a list of videos"),
        ([FIRST, "file:///etc/passwd"], 2, "is not a video of YouTube"),
        ([FIRST, "http://169.254.169.254/watch?v=aaaaaaaaaaa"], 2, "is not a video of YouTube"),
        ([FIRST, "--model", ""], 2, "can't be the name of a model"),
        ([FIRST, "--model", "m" * 201], 2, "can't be the name of a model"),
        ([FIRST, "--charted-since", "a week"], 2, "7d"),
        ([FIRST, "--ids-file", "gone.txt"], 65, "gone.txt"),
        ([], 2, "There is no video to ask for"),
    ],
)
def test_a_wrong_argument_is_refused_before_anything_is_published(
    topics: Topics, trendscript: Command, arguments: list[str], code: int, said: str
) -> None:
    """One sentence, the code of its kind, and not even the good video beside it is asked for."""
    run = trendscript("request-transcription", *arguments)
    assert (run.code, topics.new(TOPIC)) == (code, [])
    assert said in run.err


@pytest.mark.usefixtures("warehouse")
def test_a_bad_line_of_a_file_is_told_and_passed_over(topics: Topics, trendscript: Command, tmp_path: Path) -> None:
    """A file with two videos, a comment and two lines that name none: both videos go out, exit code 0."""
    lines = ["# mine", FIRST, "file:///etc/passwd", f"https://www.youtube.com/watch?v={SECOND}", "rm -rf"]
    (tmp_path / "ids.txt").write_text("\n".join(lines))
    run = trendscript("request-transcription", "--ids-file", "ids.txt")
    assert run.code == 0
    assert run.out == ("Not a video: 'file:///etc/passwd', 'rm -rf'\n2 published, 0 asked for before, 2 rejected.\n")
    assert {value["video_id"] for value in topics.new_values(TOPIC)} == {FIRST, SECOND}


def test_videos_charted_of_late_come_from_the_warehouse(warehouse: str, topics: Topics, trendscript: Command) -> None:
    """Of two charted videos one was in a chart within a week: that one is asked for."""

    def rows(cursor: Cursor) -> None:
        for video_id, days in ((FIRST, 1), (SECOND, 30)):
            add_stub(cursor, video_id)
            cursor.execute("select now() - make_interval(days => %s)", (days,))
            [(then,)] = cursor.fetchall()
            chart = {"region_code": "FR", "category_id": "0", "captured_at": then}
            add(cursor, "chart_entry", **chart, video_id=video_id, rank=1)

    _fill(warehouse, rows)
    assert trendscript("request-transcription", "--charted-since", "7d").code == 0
    assert [value["video_id"] for value in topics.new_values(TOPIC)] == [FIRST]


def test_a_plan_sums_known_lengths_and_measured_speed(warehouse: str, topics: Topics, trendscript: Command) -> None:
    """Lengths come from the look at the audio, else from the video; the speed from tiny.en's own work alone."""

    def rows(cursor: Cursor) -> None:
        add_format(cursor, FIRST, duration_seconds=1800.5)
        add_stub(cursor, SECOND, duration_seconds=1799)
        add_stub(cursor, THIRD, duration_seconds=0)
        add_transcription(cursor, "bbbbbbbbbb1", duration_seconds=100, processing_seconds=9)
        add_transcription(cursor, "bbbbbbbbbb2", duration_seconds=20, processing_seconds=1)
        add_transcription(cursor, "bbbbbbbbbb3", duration_seconds=20, processing_seconds=100, model="small")
        add_transcription(cursor, "bbbbbbbbbb4", duration_seconds=20, processing_seconds=99, status="failed")

    _fill(warehouse, rows)
    run = trendscript("request-transcription", "--dry-run", "--json", "--", FIRST, SECOND, THIRD, "bbbbbbbbbb1")
    assert run.code == 0, run.err
    assert run.report["plan"] == {
        "videos": 3,
        "unknown_length": 1,
        "audio_hours": 0.9999,
        "backend": "local",
        "model": "tiny.en",
        "times_real_time": 12.0,
        "expected_seconds": 300.0,
        "dollars_per_minute": None,
        "expected_dollars": None,
    }
    assert (run.report["published"], run.report["already_asked"], topics.new(TOPIC)) == (0, 1, [])


def test_a_plan_for_openai_is_in_dollars_and_needs_no_kafka(
    warehouse: str, trendscript: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour at 0.6 cents a minute; nothing is published, so nothing has to be reached."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("TRANSCRIPTION_BACKEND", "openai")
    _fill(warehouse, lambda cursor: add_stub(cursor, FIRST, duration_seconds=3600))
    run = trendscript("request-transcription", "--dry-run", "--model", "whisper-1", FIRST)
    assert (run.code, run.out.splitlines()) == (
        0,
        [
            "1 video, 1.00 hours of audio.",
            "whisper-1 (openai) would take about 0.36 dollars at 0.006 dollars a minute.",
            "0 published, 0 asked for before, 0 rejected.",
        ],
    )


@pytest.mark.usefixtures("warehouse")
def test_a_plan_without_a_price_is_refused(trendscript: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that has no known price: code 78, and the setting to give one."""
    monkeypatch.setenv("TRANSCRIPTION_BACKEND", "openai")
    run = trendscript("request-transcription", "--dry-run", "--model", "next", FIRST)
    assert run.code == 78
    assert "OPENAI_DOLLARS_PER_MINUTE" in run.err


def _fill(dsn: str, rows: Callable[[Cursor], None]) -> None:
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        rows(cursor)


def _point_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_HOST", "127.0.0.1")
    monkeypatch.setenv("POSTGRES_PORT", "1")
