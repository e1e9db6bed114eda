"""Builders: speech made of the demo's clips, and a backend that says what each piece holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from transcriber.backends.backend import SAMPLE_RATE, Capability
from transcriber.speech import Language, Segment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import numpy.typing as npt

    from transcriber.backends.backend import Piece

CLIPS = Path(__file__).parents[3] / "trendscript" / "demo" / "clips"


@cache
def a_clip(name: str) -> npt.NDArray[np.float32]:
    """One of the demo's clips, somebody speaking for a few seconds, as samples; decoded by PyAV and nothing of ours."""
    resampler = av.AudioResampler("s16", "mono", SAMPLE_RATE)
    with av.open(str(CLIPS / f"{name}.ogg")) as container:
        frames = [made for frame in container.decode(audio=0) for made in resampler.resample(frame)]
    samples = np.concatenate([frame.to_ndarray().ravel() for frame in frames])
    return samples.astype(np.float32) / np.float32(32_768)


def silence(seconds: float) -> npt.NDArray[np.float32]:
    """Nobody speaks."""
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


@dataclass(frozen=True)
class Sound:
    """Audio in memory."""

    whole: npt.NDArray[np.float32]

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.whole) / SAMPLE_RATE

    def samples(self, start: float, end: float) -> npt.NDArray[np.float32]:
        """A stretch of it."""
        return self.whole[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)]


def a_segment(start: float, end: float, text: str = "what is said", **others: Any) -> Segment:
    """A segment that nothing speaks against."""
    numbers = {"avg_logprob": -0.2, "no_speech_prob": 0.05, "compression_ratio": 1.2, "temperature": 0.0}
    return Segment(start, end, text, **{**numbers, **others})


@dataclass
class Parrot:
    """A backend that gives one segment for each stretch of speech, named by where it lies in the audio.

    Such a double is what the protocol is for: it shows what a real model would hide, and never hears a word.
    """

    capability: Capability = field(default_factory=lambda: Capability("segment"))
    language: Language | None = None
    tells: Language | None = None
    die: Callable[[], None] = lambda: None
    name: str = "parrot"
    model: str = "grey"
    revision: str = "1"
    options: Mapping[str, Any] = field(default_factory=dict)
    asked: list[tuple[float, str | None]] = field(default_factory=list)

    def detect_language(self, piece: Piece) -> Language | None:
        """What it was told to say."""
        del piece
        return self.language

    def transcribe(self, piece: Piece, *, language: str | None) -> Echo:
        """Begin."""
        self.asked.append((piece.start, language))
        return Echo(self, piece)


@dataclass
class Echo:
    """A piece being parroted."""

    parrot: Parrot
    piece: Piece
    language: Language | None = None

    def __iter__(self) -> Iterator[Segment]:
        """One segment a stretch of speech."""
        for part in self.piece.speech:
            self.parrot.die()
            yield a_segment(part.start, part.end, f"at {self.piece.start + part.start:.1f}")
        self.language = self.parrot.tells
