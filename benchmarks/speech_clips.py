"""Clips of speech, noise and silence: a manifest goes in, clips come out; and how well their words are heard."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import av
import jiwer
import numpy as np
from whisper_normalizer.basic import BasicTextNormalizer
from whisper_normalizer.english import EnglishTextNormalizer

from transcriber.backends.backend import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    import numpy.typing as npt

_BY_LETTER = frozenset({"zh", "ja", "th"})


@dataclass(frozen=True, slots=True)
class Clip:
    """A file, its language, what it holds (speech, noise, silence) and what is said; '' where nobody wrote it."""

    path: Path
    language: str
    kind: str
    reference: str

    @property
    def is_speech(self) -> bool:
        """Whether anybody speaks in it."""
        return self.kind not in {"noise", "silence"}


def read_clips(folder: Path) -> list[Clip]:
    """All clips of a folder's manifest. A reference that a person did not write, or doubts, is left out."""
    with (folder / "MANIFEST.csv").open(encoding="utf-8", newline="") as file:
        return [
            Clip(folder / row["path"], row["lang"], row["kind"], row["text"] if row["ref_quality"] == "gold" else "")
            for row in csv.DictReader(file)
        ]


def make_noises(folder: Path) -> list[Clip]:
    """Half minutes that nobody speaks in, always the same: white noise, a hum, a melody in chords, clicks, silence."""
    seconds = np.arange(30 * SAMPLE_RATE) / SAMPLE_RATE
    random = np.random.default_rng(1)
    notes = 220 * 2 ** (random.choice([0, 2, 4, 5, 7, 9, 11, 12], 120) / 12)
    pitch = np.repeat(notes, SAMPLE_RATE // 4)
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    click = SAMPLE_RATE // 500
    beat = np.exp(-6 * (seconds % 0.25))
    sounds = {
        "white noise": random.normal(0, 0.08, len(seconds)),
        "hum": 0.2 * np.sin(2 * np.pi * 50 * seconds) + 0.1 * np.sin(2 * np.pi * 150 * seconds),
        "melody": 0.15 * beat * sum(np.sin(phase * interval) for interval in (1, 1.25, 1.5, 2)),
        "clicks": 0.5 * np.tile(np.arange(SAMPLE_RATE) < click, 30),
        "silence": np.zeros(len(seconds)),
    }
    return [
        Clip(write_wave(folder / f"{name}.wav", [samples]), "", "silence" if name == "silence" else "noise", "")
        for name, samples in sounds.items()
    ]


def write_wave(path: Path, parts: Iterable[npt.NDArray[np.floating]]) -> Path:
    """Write samples of ours, one part after the other, as a WAV file."""
    with av.open(str(path), "w", format="wav") as container:
        stream = container.add_stream("pcm_s16le", rate=SAMPLE_RATE, layout="mono")
        for part in parts:
            samples = (np.clip(part, -1, 1) * 32_767).astype(np.int16).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.sample_rate = SAMPLE_RATE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def join_clips(clips: Iterable[Clip], seconds: float) -> Iterator[npt.NDArray[np.floating]]:
    """Samples of the clips in their order, a second's pause after each, from the first again until there are enough."""
    decoded = [_decode(clip.path) for clip in clips]
    made = 0
    while made < seconds * SAMPLE_RATE:
        for samples in decoded:
            yield samples
            yield np.zeros(SAMPLE_RATE)
            made += len(samples) + SAMPLE_RATE
            if made >= seconds * SAMPLE_RATE:
                return


def _decode(path: Path) -> npt.NDArray[np.floating]:
    resampler = av.AudioResampler("s16", "mono", SAMPLE_RATE)
    with av.open(str(path)) as container:
        frames = [made for frame in container.decode(audio=0) for made in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray().ravel() for frame in frames]) / 32_768


def word_error_rate(pairs: Iterable[tuple[str, str, str]]) -> float:
    """Of (language, reference, text): by Whisper's normaliser; by letters where no spaces part words."""
    errors = total = 0
    for language, reference, text in pairs:
        said, heard = (_normaliser(language)(one) for one in (reference, text))
        if not said:
            continue
        measured = jiwer.process_words(said, heard)
        errors += measured.substitutions + measured.deletions + measured.insertions
        total += measured.substitutions + measured.deletions + measured.hits
    return errors / total if total else 0.0


@cache
def _normaliser(language: str) -> Callable[[str], str]:
    if language == "en":
        english: Callable[[str], str] = EnglishTextNormalizer()
        return english
    basic: Callable[[str], str] = BasicTextNormalizer(split_letters=language in _BY_LETTER)
    return basic
