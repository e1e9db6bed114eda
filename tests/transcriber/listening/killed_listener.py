"""`python -m tests.transcriber.listening.killed_listener FOLDER` listens to a made audio, until killed or done."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tests.transcriber.listening.building import Sound, a_clip, silence
from transcriber.backends.backend import SAMPLE_RATE
from transcriber.backends.whisper import open_local_backend
from transcriber.listening.kept import KeptPieces
from transcriber.listening.listen import transcribe_audio

if TYPE_CHECKING:
    from transcriber.speech import Transcript


def listen(folder: Path) -> Transcript:
    """The packaged model over half a minute, in pieces of ten seconds; in one of them it draws random numbers."""
    backend = open_local_backend("tiny.en")
    backend.capability = replace(backend.capability, max_piece_seconds=10)
    backwards = a_clip("robots")[: 2 * SAMPLE_RATE][::-1]
    parts = [a_clip("lanterns"), silence(1), backwards, silence(1), a_clip("robots"), silence(1), a_clip("trailer")]
    return transcribe_audio(Sound(np.concatenate(parts)), backend, keep=KeptPieces(folder))


if __name__ == "__main__":
    listen(Path(sys.argv[1]))
