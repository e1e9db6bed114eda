"""The real clips beside the project: nobody is quoted where nobody speaks, and known words are heard."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from transcriber.audio.decode import AudioLimits, decode
from transcriber.backends.whisper import LocalBackend, open_local_backend
from transcriber.listening.kept import KeptPieces
from transcriber.listening.listen import transcribe_audio

if TYPE_CHECKING:
    from transcriber.speech import Transcript

CLIPS = Path(__file__).parents[4] / "shared" / "data" / "speech"

pytestmark = pytest.mark.skipif(not CLIPS.is_dir(), reason=f"the real clips are not here: there is no {CLIPS}")


def clips_of(*kinds: str) -> list[str]:
    """Paths of the manifest's clips of some kinds."""
    if not CLIPS.is_dir():
        return []
    with (CLIPS / "MANIFEST.csv").open(encoding="utf-8", newline="") as file:
        return [row["path"] for row in csv.DictReader(file) if row["kind"] in kinds]


@pytest.fixture(scope="module")
def backend() -> LocalBackend:
    """The packaged model, loaded once."""
    return open_local_backend("tiny.en")


def listen(backend: LocalBackend, clip: str, folder: Path) -> Transcript:
    """From the file to its transcript."""
    audio = decode(CLIPS / clip, folder / "samples", limits=AudioLimits(max_seconds=600, max_bytes=1 << 30))
    return transcribe_audio(audio, backend, keep=KeptPieces(folder / "kept"))


@pytest.mark.parametrize("clip", clips_of("noise", "silence"))
def test_no_unflagged_sentence_where_nobody_speaks(backend: LocalBackend, clip: str, tmp_path: Path) -> None:
    """Machines, streets, silence."""
    transcript = listen(backend, clip, tmp_path)
    assert [segment.text for segment in transcript.segments if not segment.flags] == []


def test_a_famous_sentence_is_heard_without_a_flag(backend: LocalBackend, tmp_path: Path) -> None:
    """Real speech over a real room's noise."""
    transcript = listen(backend, "ggml-org+whisper.cpp/samples/jfk.wav", tmp_path)
    assert "ask what you can do for your country" in transcript.text
    assert not any(segment.flags for segment in transcript.segments)
    assert transcript.coverage == pytest.approx(1, abs=0.05)
