"""The real files beside the project: each decodes to the length that ffmpeg found, or is refused as it refused it."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.transcriber.audio.building import LIMITS
from transcriber.audio.decode import decode
from transcriber.faults import VideoFault

SHARED = Path(__file__).parents[4] / "shared" / "data"
VIDEO = SHARED / "video"
SPEECH = SHARED / "speech"

SPECIAL = {
    "test_case_1185230.mp4": "not_audio",  # each packet of its sound is broken
    "invalid_userdata.mp4": "truncated",  # the first 135 KB of four minutes
    "result.webm": "empty",
    "pigs_in_a_polka.gif": "not_audio",
    "bipbop-cenc-audioinit.mp4": "empty",  # only the header of a stream
    "bipbop_cbcs_audio_init.mp4": "empty",
}
"""What ffmpeg complains of, or finds nothing in; and a picture."""

NEWER_THAN_THE_MANIFEST = {"sine-3s-xhe-aac-44khz-mono.mp4": 3.0}
"""ffmpeg could not decode it then; its name says how long it is."""

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason=f"the real files are not here: there is no {SHARED}")


def read_manifest(folder: Path) -> list[dict[str, str]]:
    """What ffprobe and ffmpeg said of each file."""
    if not folder.is_dir():
        return []
    with (folder / "MANIFEST.csv").open(encoding="utf-8", newline="") as rows:
        return list(csv.DictReader(rows))


def expect(row: dict[str, str]) -> str | float:
    """The reason to refuse a file, or the length of its sound."""
    name = Path(row["path"]).name
    if name in NEWER_THAN_THE_MANIFEST or name in SPECIAL:
        return NEWER_THAN_THE_MANIFEST.get(name) or SPECIAL[name]
    if not row["acodec"]:
        return "no_audio"
    return float(row["duration"]) if float(row["duration"]) > 0.1 else "too_short"


@pytest.mark.parametrize("row", read_manifest(VIDEO), ids=lambda row: Path(row["path"]).name)
def test_videos_are_heard_or_refused(row: dict[str, str], tmp_path: Path) -> None:
    """By the manifest: those with an audio track are heard, for their length; the others say why not."""
    expected = expect(row)
    try:
        found: str | float = decode(VIDEO / row["path"], tmp_path / "samples", limits=LIMITS).seconds
    except VideoFault as fault:
        found = fault.reason
    if isinstance(expected, str):
        assert found == expected
    else:
        slack = 4 if "nasa" in row["path"] else 0.2  # its subtitles go on after its sound
        assert found == pytest.approx(expected, abs=slack)


def test_every_clip_of_speech_is_decoded(tmp_path: Path) -> None:
    """All of them, each to within a tenth of a second of its length."""
    rows = read_manifest(SPEECH)
    lengths = {
        row["path"]: decode(
            SPEECH / row["path"],
            tmp_path / "samples",
            limits=LIMITS,
            expected_seconds=float(row["duration_s"]),
        ).seconds
        for row in rows
    }
    assert lengths == {row["path"]: pytest.approx(float(row["duration_s"]), abs=0.1) for row in rows}
    assert len(lengths) == 159
