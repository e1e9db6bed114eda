"""Decoding as tests see it: a kind of file goes in, what must be taken or refused of it comes out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.transcriber.audio.building import (
    LIMITS,
    write_audio,
)
from transcriber.audio.decode import AudioLimits, decode
from transcriber.faults import VideoFault

if TYPE_CHECKING:
    from transcriber.audio.pcm import DecodedAudio

FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "frag_duration": "1000000"}
SEGMENTED = {"movflags": "dash+delay_moov+global_sidx+frag_keyframe", "frag_duration": "1000000"}

NEEDS_PROC = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells a peak so")

KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "stereo.mp3": ("libmp3lame", {"rate": 44_100, "layout": "stereo"}),
    "counted-by-nobody.mp3": ("libmp3lame", {"options": {"write_xing": "0"}}),
    "tagged.mp3": ("libmp3lame", {"metadata": {"title": "x" * 5_000}}),
    "index-last.m4a": ("aac", {"rate": 44_100}),
    "index-first.m4a": ("aac", {"options": {"movflags": "faststart"}}),
    "fragmented.m4a": ("aac", {"options": FRAGMENTED}),
    "segmented.m4a": ("aac", {"options": SEGMENTED}),
    "opus.webm": ("libopus", {"layout": "stereo"}),
    "vorbis.ogg": ("libopus", {}),
    "speech.opus": ("libopus", {"rate": 16_000}),
    "lossless.flac": ("flac", {"rate": 44_100}),
    "cinema.wav": ("pcm_s16le", {"layout": "5.1"}),
    "as-it-is.wav": ("pcm_s16le", {"rate": 16_000}),
    "big-endian.aiff": ("pcm_s16be", {"rate": 22_050}),
    "bare.aac": ("aac", {}),
    "bare.ac3": ("ac3", {}),
    "sound.avi": ("libmp3lame", {}),
    "sound.flv": ("aac", {"rate": 44_100}),
    "sound.ts": ("aac", {}),
    "sound.nut": ("flac", {"rate": 44_100, "layout": "stereo"}),
}


def write(folder: Path, name: str) -> Path:
    """A file of a kind in KINDS: ten seconds of a tone."""
    codec, given = KINDS[name]
    return write_audio(folder / name, codec, **given)


def noise(count: int) -> bytes:
    """The same bytes each time, without any order in them."""
    return np.random.default_rng(4).bytes(count)


def refused(file: Path, limits: AudioLimits = LIMITS, *, expected_seconds: float | None = None) -> VideoFault:
    """The fault of a file that must be refused; nothing of it is left behind."""
    into = file.with_name("samples")
    with pytest.raises(VideoFault) as caught:
        decode(file, into, limits=limits, expected_seconds=expected_seconds)
    assert not list(file.parent.glob("samples*"))
    return caught.value


def decoded(file: Path, **given: Any) -> DecodedAudio:
    """A file that must be taken."""
    return decode(file, file.with_name("samples"), **{"limits": LIMITS, **given})


UNCOUNTED = {"counted-by-nobody.mp3", "bare.aac", "bare.ac3", "sound.ts", "sound.nut"}
