"""Audio and video files made here: what they should hold goes in, real files of many kinds come out."""

from __future__ import annotations

import itertools
import wave
from typing import TYPE_CHECKING, cast

import av
import numpy as np
from av.audio.stream import AudioStream

from transcriber.audio.decode import AudioLimits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import numpy.typing as npt
    from av.audio.frame import AudioFrame

LIMITS = AudioLimits(max_seconds=4 * 3600, max_bytes=1024**3)
LOUDNESS = 8_000
TONE = 440


def a_tone(seconds: float, rate: int = 16_000) -> npt.NDArray[np.int16]:
    """A sine wave of 440 Hz."""
    return (np.sin(2 * np.pi * TONE * np.arange(round(seconds * rate)) / rate) * LOUDNESS).astype(np.int16)


def write_wav(path: Path, seconds: float, *, rate: int = 16_000) -> Path:
    """A tone in a WAV file, by Python's own writer."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(a_tone(seconds, rate).tobytes())
    return path


def write_audio(  # noqa: PLR0913  (what a file of audio can differ in)
    path: Path,
    codec: str,
    seconds: float = 10,
    *,
    rate: int = 48_000,
    layout: str = "mono",
    options: Mapping[str, str] | None = None,
    metadata: Mapping[str, str] | None = None,
    gap: float = 0,
    start: float = 0,
) -> Path:
    """A tone in any codec and container; its clock begins at `start` and leaps by `gap` seconds in the middle."""
    with av.open(str(path), "w", options=dict(options or {})) as container:
        container.metadata.update(metadata or {})
        stream = cast(AudioStream, container.add_stream(codec, rate=rate, layout=layout))
        for frame in _frames(seconds, rate, layout):
            late = frame.pts is not None and frame.pts >= seconds * rate / 2
            frame.pts = (frame.pts or 0) + round((start + (gap if late else 0)) * rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _frames(seconds: float, rate: int, layout: str) -> Iterator[AudioFrame]:
    samples = a_tone(seconds, rate)
    channels = av.AudioLayout(layout).nb_channels
    for first, last in itertools.pairwise([*range(0, len(samples), 960), len(samples)]):
        spread = np.repeat(samples[first:last], channels)[np.newaxis, :]
        frame = av.AudioFrame.from_ndarray(spread, format="s16", layout=layout)
        frame.sample_rate = rate
        frame.pts = first
        yield frame


def write_video(path: Path, seconds: float = 2, *, sound: float | None = None, late: float = 0, side: int = 32) -> Path:
    """Black pictures; with `sound`, a tone of so many seconds beside them, which begins `late`."""
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("png" if path.suffix == ".mov" else "mpeg4", rate=1)
        pictures.width, pictures.height = side, side
        pictures.pix_fmt = "rgb24" if path.suffix == ".mov" else "yuv420p"
        tone = None if sound is None else container.add_stream("aac", rate=48_000, layout="mono")
        picture = av.VideoFrame(side, side, pictures.pix_fmt)
        for plane in picture.planes:
            plane.update(bytes(plane.buffer_size))
        for number in range(round(seconds)):
            picture.pts = number
            container.mux(pictures.encode(picture))
        container.mux(pictures.encode(None))
        if tone is not None and sound is not None:
            for frame in _frames(sound, 48_000, "mono"):
                frame.pts = (frame.pts or 0) + round(late * 48_000)
                container.mux(tone.encode(frame))
            container.mux(tone.encode(None))
    return path


def write_silence(path: Path, hours: float) -> Path:
    """Hours of nothing in a small FLAC file whose header does not say how long it is."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("flac", rate=8_000, layout="mono")
        silence = np.zeros((1, 8_000 * 60), np.int16)
        for minute in range(round(hours * 60)):
            frame = av.AudioFrame.from_ndarray(silence, format="s16", layout="mono")
            frame.sample_rate = 8_000
            frame.pts = minute * 8_000 * 60
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    content = bytearray(path.read_bytes())
    count = slice(8 + 13, 8 + 18)  # STREAMINFO: the low half of a byte and four more are the number of samples
    content[count] = bytes([content[8 + 13] & 0xF0, 0, 0, 0, 0])
    path.write_bytes(content)
    return path


def cut(path: Path, share: float) -> Path:
    """The first part of a file, beside it under the same ending."""
    content = path.read_bytes()
    shorter = path.with_name(f"cut-{path.name}")
    shorter.write_bytes(content[: round(len(content) * share)])
    return shorter


def heard_tone(samples: npt.NDArray[np.float32]) -> float:
    """The loudest frequency, in hertz, of samples at 16 kHz."""
    spectrum = np.abs(np.fft.rfft(samples))
    return float(np.argmax(spectrum) * 16_000 / len(samples))
