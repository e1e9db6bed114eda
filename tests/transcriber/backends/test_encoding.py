"""Files of pieces: what FFmpeg reads back, their sizes, and that they are always the same."""

from __future__ import annotations

import io

import av
import numpy as np
import numpy.typing as npt
import pytest

from tests.transcriber.backends.building import a_tone
from transcriber.backends.encoding import OPUS, WAV, Encoding, best_encoding, encode

NOISE = np.random.default_rng(1).uniform(-1, 1, 3 * 16_000).astype(np.float32)


def decode(content: bytes) -> npt.NDArray[np.float32]:
    """Samples at 16 kHz, by FFmpeg."""
    with av.open(io.BytesIO(content), "r") as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=16_000)
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
        return np.concatenate([frame.to_ndarray().reshape(-1) for frame in [*frames, *resampler.resample(None)]])


@pytest.mark.parametrize("encoding", [OPUS, WAV])
def test_what_is_read_back_is_what_was_written(encoding: Encoding) -> None:
    """The same length and, for the ear, the same sound."""
    samples = a_tone(3.0).samples
    found = decode(encode(samples, encoding))
    assert len(found) == pytest.approx(len(samples), abs=160)
    both = min(len(found), len(samples))
    assert np.corrcoef(found[:both], samples[:both])[0, 1] > 0.9


@pytest.mark.parametrize("encoding", [OPUS, WAV])
@pytest.mark.parametrize("samples", [NOISE, np.zeros_like(NOISE), NOISE[:100], NOISE[:1]], ids=len)
def test_no_file_is_larger_than_is_promised(encoding: Encoding, samples: npt.NDArray[np.float32]) -> None:
    """Noise, which nothing can compress, silence, and a blink."""
    assert len(encode(samples, encoding)) <= encoding.largest_size(len(samples) / 16_000)


@pytest.mark.parametrize("encoding", [OPUS, WAV])
def test_the_same_samples_give_the_same_file(encoding: Encoding) -> None:
    """No serial number and no time is drawn."""
    assert encode(NOISE, encoding) == encode(NOISE, encoding)


def test_samples_out_of_range_are_kept_in_it() -> None:
    """Too loud is as loud as can be, and what is no number is silence."""
    content = encode(np.array([2.0, -2.0, np.nan, np.inf], np.float32), WAV)
    assert np.frombuffer(content[44:], "<i2").tolist() == [32_767, -32_767, 0, 32_767]


def test_opus_is_what_is_sent() -> None:
    """The wheels of PyAV hold its encoder: a minute takes a quarter of a megabyte."""
    assert best_encoding() == OPUS
    assert OPUS.largest_size(60) < 260_000
