"""Real clips, and files that are none, through the whole way: asked for, transcribed, loaded, found."""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.real.conftest import Amount, Figures
    from tests.real.warehouse import Servers, Warehouse

_TOPICS = ("transcription_request", "youtube_audio_format", "youtube_transcription")
_NOBODY_SPEAKS = {"noise", "silence"}
_BROKEN = {
    "broken00000": ("empty", b""),
    "broken00001": ("not_audio", b"This was never sound.\n" * 50),
    "broken00002": ("not_audio", bytes(range(256)) * 400),
}
_NO_FILE = "broken00003"


@dataclass(frozen=True, slots=True)
class Heard:
    """The warehouse after everything was transcribed and loaded, and which clip each video is."""

    warehouse: Warehouse
    settings: dict[str, str]
    clips: dict[str, dict[str, str]]
    report: Any


@pytest.fixture(scope="module")
def clips(data: Path, amount: Amount) -> dict[str, dict[str, str]]:
    """A line of the manifest by video id; of a cut, clips from all over it, those without speech among them."""
    with (data / "speech" / "MANIFEST.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if amount.clips is not None:
        quiet = [row for row in rows if row["kind"] in _NOBODY_SPEAKS][:2]
        short = [row for row in rows if row["kind"] not in _NOBODY_SPEAKS and float(row["duration_s"]) < 20]
        rows = quiet + short[:: -(-len(short) // amount.clips)]
    return {f"clip{number:07}": row for number, row in enumerate(rows)}


@pytest.fixture(scope="module")
def heard(
    data: Path, servers: Servers, clips: dict[str, dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Heard:
    """All clips, some broken files and a video without a file, asked for, transcribed and loaded."""
    folder = tmp_path_factory.mktemp("audio")
    for video_id, row in clips.items():
        source = data / "speech" / row["path"]
        shutil.copy(source, folder / f"{video_id}{source.suffix.lower()}")
    for video_id, (_, content) in _BROKEN.items():
        (folder / f"{video_id}.mp3").write_bytes(content)
    asked = folder / "asked.txt"
    asked.write_text("\n".join([*clips, *_BROKEN, _NO_FILE]), encoding="utf-8")
    settings = {"AUDIO_SOURCE": "folder", "AUDIO_FOLDER": str(folder), "WHISPER_MODEL": "tiny.en"}
    made = servers.make_warehouse("speech", with_lake=False)
    requests = made.run("request-transcription", "--ids-file", str(asked), "--json", settings=settings)
    assert requests["published"] == len(clips) + len(_BROKEN) + 1
    report = made.run("transcribe", "--json", settings=settings)
    made.run("load", *_TOPICS, "--json")
    return Heard(made, settings, clips, report)


_NOT_TAKEN = ".sph"  # NIST's container, which a folder of audio doesn't take


def test_every_clip_is_transcribed_or_says_why_not(heard: Heard, figures: Figures) -> None:
    """As many attempts as requests, nothing in quarantine, and each failure with its reason."""
    rows = heard.warehouse.query("select video_id, status, reason, detail from processed.transcription")
    assert Counter(video for video, *_ in rows) == dict.fromkeys([*heard.clips, *_BROKEN, _NO_FILE], 1)
    assert all((status == "failed") == bool(reason and detail) for _, status, reason, detail in rows)
    reasons = {video: reason for video, status, reason, _ in rows if status == "failed"}
    assert {video: reasons.get(video) for video in _BROKEN} == {video: reason for video, (reason, _) in _BROKEN.items()}
    assert reasons[_NO_FILE] == "no_file"
    assert heard.warehouse.query("select count(*) from pipeline.dead_letter") == [(0,)]
    of_clips = Counter(reasons.get(video, "transcribed") for video in heard.clips)
    seconds = heard.report["audio_seconds"]
    figures.tell(
        "speech",
        f"{len(heard.clips)} clips: {dict(of_clips)}; {seconds / 60:.1f} minutes in {heard.report['seconds'] / 60:.1f}",
        clips=len(heard.clips),
        outcomes=dict(of_clips),
        audio_seconds=seconds,
        seconds=heard.report["seconds"],
    )
    failed = {video: reasons[video] for video in heard.clips if video in reasons}
    assert failed == {video: "no_file" for video, row in heard.clips.items() if row["path"].endswith(_NOT_TAKEN)}


def test_what_was_published_is_what_is_there(heard: Heard) -> None:
    """Sentences number what the load wrote, in their places, and lie within their audio."""
    query = """
        select count(*) filter (where s.position <> s.place - 1 or s.end_seconds > t.duration_seconds + 0.01)
        from (
            select *, row_number() over (partition by transcription_id order by position) as place
            from processed.transcript_segment
        ) as s
        join processed.transcription as t using (transcription_id)
    """
    assert heard.warehouse.query(query) == [(0,)]
    texts = "select count(*) from processed.transcription where status = 'transcribed' and text is null"
    assert heard.warehouse.query(texts) == [(0,)]


def test_over_silence_and_noise_nothing_is_taken_for_speech(heard: Heard, figures: Figures) -> None:
    """What a model writes there carries a flag."""
    quiet = [video for video, row in heard.clips.items() if row["kind"] in _NOBODY_SPEAKS]
    assert quiet
    said = heard.warehouse.query("select text, doubtful from trusted.speech where video_id = any(%s)", [quiet])
    figures.tell(
        "noise and silence", f"{len(quiet)} clips, {len(said)} sentences, all flagged or none", clips=len(quiet)
    )
    assert [text for text, doubtful in said if text and not doubtful] == []


def test_asking_again_doubles_nothing(heard: Heard) -> None:
    """Without --again nobody is asked twice; with it the work is done anew, and comes out as it was."""
    some = [video for video, row in heard.clips.items() if row["kind"] not in _NOBODY_SPEAKS][:2]
    again = heard.warehouse.run("request-transcription", *some, "--json", settings=heard.settings)
    assert again["published"] == 0
    columns = "transcription_id, video_id, text, coverage, flags"
    query = f"select {columns} from processed.transcription order by 1"  # noqa: S608  (columns named here)
    before = heard.warehouse.query(query)
    heard.warehouse.run("request-transcription", *some, "--again", "--json", settings=heard.settings)
    report = heard.warehouse.run("transcribe", "--json", settings=heard.settings)
    assert report["transcribed"] == len(some)
    heard.warehouse.run("load", *_TOPICS, "--json")
    assert heard.warehouse.query(query) == before
