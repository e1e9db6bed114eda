"""Encoding: samples of a piece of audio go in, a small file of them comes out, in memory."""

from __future__ import annotations

import io
import wave
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.codec import Codec
from av.codec.codec import UnknownCodecError

from transcriber.backends.backend import SAMPLE_RATE

if TYPE_CHECKING:
    import numpy.typing as npt

_FULL_SCALE = 32_767


@dataclass(frozen=True, slots=True)
class Encoding:
    """A way to write samples as a file. No file is larger than `largest_size` says, whatever is in it."""

    codec: str
    file_name: str
    mime_type: str
    bit_rate: int
    overhead_per_second: int
    header_bytes: int

    def largest_size(self, seconds: float) -> int:
        """The most bytes a file of so many seconds has."""
        return self.header_bytes + int((self.bit_rate / 8 + self.overhead_per_second) * (seconds + 1))

    def to_options(self) -> dict[str, Any]:
        """What of it decides what a model hears."""
        return {"codec": self.codec, "bit_rate": self.bit_rate}


OPUS = Encoding("opus", "piece.ogg", "audio/ogg", 32_000, overhead_per_second=160, header_bytes=1_000)
"""Opus at a constant rate: a minute is 0.24 MB, and a recogniser hears no difference."""

WAV = Encoding("wav", "piece.wav", "audio/wav", SAMPLE_RATE * 16, overhead_per_second=0, header_bytes=44)
"""Plain samples, which every server reads; eight times as large."""


@cache
def best_encoding() -> Encoding:
    """Opus where this machine's FFmpeg can write it, else WAV."""
    try:
        Codec("libopus", "w")
    except UnknownCodecError:
        return WAV
    return OPUS


def encode(samples: npt.NDArray[np.float32], encoding: Encoding) -> bytes:
    """A file of the samples, 16 kHz and one channel. The same samples give the same bytes."""
    levels = (np.clip(np.nan_to_num(samples), -1.0, 1.0) * _FULL_SCALE).astype("<i2")
    return _to_ogg(levels, encoding) if encoding.codec == "opus" else _to_wav(levels)


def _to_ogg(levels: npt.NDArray[np.int16], encoding: Encoding) -> bytes:
    file = io.BytesIO()
    # Without bitexact the muxer draws a random serial number for each file.
    with av.open(file, "w", format="ogg", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libopus", rate=SAMPLE_RATE, options={"vbr": "off", "application": "voip"})
        stream.layout = "mono"
        stream.bit_rate = encoding.bit_rate
        frame = av.AudioFrame.from_ndarray(levels.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        frame.time_base = Fraction(1, SAMPLE_RATE)
        frame.pts = 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def _to_wav(levels: npt.NDArray[np.int16]) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(SAMPLE_RATE)
        written.writeframes(levels.tobytes())
    return file.getvalue()
