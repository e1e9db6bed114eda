"""Samples on disk: decoded frames go in, 16 kHz mono 16-bit little-endian samples come out, bounded in number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from av import AudioFifo, AudioResampler

from transcriber.audio.container import check_shape
from transcriber.backends.backend import SAMPLE_RATE
from transcriber.faults import VideoFault

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt
    from av.audio.frame import AudioFrame

BYTES_PER_SAMPLE = 2
_FULL_SCALE = 32_768.0
_SILENCE_BLOCK = SAMPLE_RATE
_RESAMPLED_AT_ONCE = 16_384
"""Frames of a few milliseconds each would spend most of their time on the way in and out of the resampler."""


@dataclass(frozen=True, slots=True)
class DecodedAudio:
    """Decoded samples in a file; never held in memory but for the stretch that is asked for."""

    path: Path
    count: int

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.count / SAMPLE_RATE

    def samples(self, start: float, end: float) -> npt.NDArray[np.float32]:
        """A copy of the stretch from `start` to `end` seconds, between -1 and 1; cut where the audio ends."""
        first, last = (min(max(round(second * SAMPLE_RATE), 0), self.count) for second in (start, end))
        if last <= first:
            return np.empty(0, np.float32)
        stored = np.memmap(self.path, dtype="<i2", mode="r", shape=(self.count,))
        return stored[first:last].astype(np.float32) / np.float32(_FULL_SCALE)


class PcmWriter:
    """Writes frames of any shape as samples of ours. Raises VideoFault `too_long` past `max_seconds`."""

    def __init__(self, file: BinaryIO, max_seconds: float) -> None:
        self.count = 0
        self._file = file
        self._max_seconds = max_seconds
        self._shape: tuple[str, str, int] | None = None
        self._begin()

    @property
    def seconds(self) -> float:
        """How much is written, or waits to be."""
        return self.count / SAMPLE_RATE + (self._waiting.samples / self._shape[2] if self._shape else 0)

    def write(self, frame: AudioFrame) -> None:
        """Take a frame to resample and write; its rate or channels may differ from those before it."""
        shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        if shape != self._shape:
            check_shape(frame.sample_rate, frame.layout.nb_channels)
            self.flush()
            self._shape = shape
        frame.pts = None  # the queue would insist on times without gaps
        self._waiting.write(frame)
        if self._waiting.samples >= _RESAMPLED_AT_ONCE:
            self._write_frames(self._resampler.resample(self._waiting.read()))

    def flush(self) -> None:
        """Write what waits and what the resampler holds back, and begin anew."""
        if self._waiting.samples:
            self._write_frames(self._resampler.resample(self._waiting.read()))
        self._write_frames(self._resampler.resample(None))
        self._begin()

    def _begin(self) -> None:
        self._waiting = AudioFifo()
        self._resampler = AudioResampler("s16", "mono", SAMPLE_RATE)

    def write_silence(self, seconds: float) -> None:
        """Write silence, for as long."""
        self.flush()
        left = round(seconds * SAMPLE_RATE)
        while left > 0:
            block = min(left, _SILENCE_BLOCK)
            self._write_samples(bytes(block * BYTES_PER_SAMPLE), block)
            left -= block

    def _write_frames(self, frames: list[AudioFrame]) -> None:
        for frame in frames:
            self._write_samples(memoryview(frame.planes[0])[: frame.samples * BYTES_PER_SAMPLE], frame.samples)

    def _write_samples(self, content: bytes | memoryview, count: int) -> None:
        self._file.write(content)
        self.count += count
        if self.count > self._max_seconds * SAMPLE_RATE:
            raise VideoFault("too_long", f"The audio is longer than the {self._max_seconds:g} s that are allowed.")
