"""Decoding: what is heard comes out of every container, in bounded memory, whole or not at all."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.transcriber.audio.building import (
    LIMITS,
    LOUDNESS,
    TONE,
    heard_tone,
    write_audio,
    write_silence,
    write_video,
    write_wav,
)
from tests.transcriber.audio.decoding import KINDS, NEEDS_PROC, decoded, refused, write
from transcriber.audio.decode import decode, sha256_of
from transcriber.audio.disk import disk_faults
from transcriber.backends.backend import SAMPLE_RATE
from transcriber.faults import OperatorNeeded, PassingFault, Stopped, VideoFault


@pytest.mark.parametrize("name", KINDS)
def test_a_tone_is_heard_in_every_kind_of_file(tmp_path: Path, name: str) -> None:
    """Its length, pitch and loudness come out, at 16 kHz on one channel; only that file is left."""
    audio = decoded(write(tmp_path, name))
    assert audio.seconds == pytest.approx(10, abs=0.05)
    heard = audio.samples(2, 4)
    assert len(heard) == 2 * SAMPLE_RATE
    assert heard.dtype == np.float32
    assert heard_tone(heard) == pytest.approx(TONE, abs=1)
    if name != "cinema.wav":  # six equal channels add up
        assert float(np.abs(heard).max()) == pytest.approx(LOUDNESS / 32_768, rel=0.1)
    assert {file.name for file in tmp_path.iterdir()} == {name, "samples"}
    assert audio.path.stat().st_size == audio.count * 2


@pytest.mark.parametrize(("start", "end", "count"), [(-5, 1, 16_000), (9.5, 99, 8_000), (3, 2, 0), (20, 30, 0)])
def test_a_stretch_is_cut_where_the_audio_ends(tmp_path: Path, start: float, end: float, count: int) -> None:
    """Outside of the audio there is nothing, and it is no error."""
    assert len(decoded(write_wav(tmp_path / "a.wav", 10)).samples(start, end)) == count


def test_samples_are_those_of_the_file(tmp_path: Path) -> None:
    """What needs no resampling comes out as it went in."""
    file = write_wav(tmp_path / "a.wav", 1)
    stored = np.frombuffer(file.read_bytes()[44:], "<i2")
    assert np.array_equal(decoded(file).samples(0, 1) * 32_768, stored)


def test_the_content_decides_not_the_name(tmp_path: Path) -> None:
    """An Ogg file called .mp3 and a WAV file called .txt are what they are."""
    for name, ending in [("speech.opus", "mp3"), ("as-it-is.wav", "txt"), ("index-last.m4a", "wav")]:
        file = write(tmp_path, name).rename(tmp_path / f"misnamed.{ending}")
        assert decoded(file).seconds == pytest.approx(10, abs=0.05)


def test_tags_in_an_old_encoding_do_no_harm(tmp_path: Path) -> None:
    """A title that is not UTF-8 is no reason to refuse the audio."""
    file = write_audio(tmp_path / "a.flac", "flac", metadata={"title": "caf_"})
    file.write_bytes(file.read_bytes().replace(b"caf_", b"caf\xe9"))
    assert decoded(file).seconds == pytest.approx(10)


def test_the_default_track_is_taken(tmp_path: Path) -> None:
    """The sound of a video, its pictures aside; it may end before them."""
    audio = decoded(write_video(tmp_path / "a.mp4", 20, sound=10), expected_seconds=20)
    assert audio.seconds == pytest.approx(10, abs=0.05)


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_times_stay_true_where_sound_begins_late(tmp_path: Path, ending: str) -> None:
    """Until it begins there is silence, so that words are found at their second of the video."""
    audio = decoded(write_video(tmp_path / f"a.{ending}", 12, sound=8, late=3), expected_seconds=12)
    assert audio.seconds == pytest.approx(11, abs=0.05)
    assert float(np.abs(audio.samples(0, 2.9)).max()) < 0.001
    assert float(np.abs(audio.samples(3.1, 3.3)).max()) > 0.1


def test_times_stay_true_across_a_gap(tmp_path: Path) -> None:
    """Where the clock leaps a little there is silence, so that what follows is found at its second."""
    audio = decoded(write_audio(tmp_path / "a.mkv", "libopus", gap=1.5))
    assert audio.seconds == pytest.approx(11.5, abs=0.05)
    assert float(np.abs(audio.samples(5.2, 6.3)).max()) < 0.001
    assert float(np.abs(audio.samples(6.7, 7)).max()) > 0.1


def test_a_long_gap_is_sound_that_is_missing(tmp_path: Path) -> None:
    """Half a minute of silence would hide that."""
    assert refused(write_audio(tmp_path / "a.mkv", "libopus", gap=30)).reason == "truncated"


@pytest.mark.parametrize(("ending", "codec"), [("aac", "aac"), ("mp3", "libmp3lame")])
def test_rate_and_channels_may_change_in_the_middle(tmp_path: Path, ending: str, codec: str) -> None:
    """As in files put together from parts."""
    shapes = [(44_100, "stereo"), (48_000, "mono"), (44_100, "mono")]
    plain = {"write_xing": "0"} if ending == "mp3" else {}
    parts = [
        write_audio(tmp_path / f"part.{ending}", codec, 5, rate=rate, layout=layout, options=plain).read_bytes()
        for rate, layout in shapes
    ]
    (tmp_path / "whole").write_bytes(b"".join(parts))
    audio = decoded(tmp_path / "whole")
    assert audio.seconds == pytest.approx(15, abs=0.3)
    for second in (2, 7, 12):
        assert heard_tone(audio.samples(second, second + 1)) == pytest.approx(TONE, abs=1)


@NEEDS_PROC
def test_pictures_are_never_decoded(tmp_path: Path) -> None:
    """One of 8,000 by 8,000 pixels beside the sound takes no memory; decoded it would take 190 MB."""
    file = write_video(tmp_path / "a.mov", 1, sound=1, side=8_000)
    assert _peak(file) - _peak(write_video(tmp_path / "b.mov", 1, sound=1)) < 25 * 1024


def test_a_clock_that_does_not_begin_at_zero_is_its_own(tmp_path: Path) -> None:
    """As of a part of a broadcast: its first sound is at 0."""
    for name in ("a.mkv", "a.ts", "a.mp4"):
        codec = "libopus" if name == "a.mkv" else "aac"
        assert decoded(write_audio(tmp_path / name, codec, start=100)).seconds == pytest.approx(10, abs=0.1)


@pytest.mark.parametrize(
    ("size", "riff"), [(0xFFFFFFFF, 0xFFFFFFFF), (0x7FFFFFD0, 0x7FFFFFFF), (0, 0)], ids=["4GiB", "2GiB", "zero"]
)
def test_a_wav_file_written_to_a_pipe_is_whole(tmp_path: Path, size: int, riff: int) -> None:
    """Who writes to a pipe leaves the sizes unknown."""
    file = write_wav(tmp_path / "a.wav", 10)
    content = bytearray(file.read_bytes())
    content[4:8] = riff.to_bytes(4, "little")
    content[40:44] = size.to_bytes(4, "little")
    file.write_bytes(content)
    assert decoded(file).seconds == pytest.approx(10)


def test_stopping_leaves_nothing_behind(tmp_path: Path) -> None:
    """It is asked between packets."""
    file = write(tmp_path, "stereo.mp3")
    calls = iter([False] * 50)
    with pytest.raises(Stopped):
        decode(file, tmp_path / "samples", limits=LIMITS, stop=lambda: next(calls, True))
    assert [left.name for left in tmp_path.iterdir()] == ["stereo.mp3"]


def test_what_was_decoded_before_stays_until_it_is_replaced(tmp_path: Path) -> None:
    """A decoding that fails does not touch the samples of one that did not."""
    audio = decoded(write_wav(tmp_path / "a.wav", 10))
    (tmp_path / "b.wav").write_bytes(b"nothing")
    with pytest.raises(VideoFault):
        decoded(tmp_path / "b.wav")
    assert len(audio.samples(0, 10)) == 10 * SAMPLE_RATE


def test_a_full_disk_is_no_fault_of_the_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It passes when somebody makes room, and nothing is marked failed."""
    file = write_wav(tmp_path / "a.wav", 10)
    real_open = Path.open

    def open_full(self: Path, mode: str = "r", *args: Any, **given: Any) -> Any:
        return real_open(Path("/dev/full") if "w" in mode else self, mode, *args, **given)

    monkeypatch.setattr(Path, "open", open_full)
    with pytest.raises(PassingFault, match="No space is left"):
        decoded(file)


def test_a_folder_that_may_not_be_written_needs_a_person(tmp_path: Path) -> None:
    """So does one that is not there, if only for a while."""
    file = write_wav(tmp_path / "a.wav", 1)
    with pytest.raises(PassingFault, match="absent"):
        decode(file, tmp_path / "absent" / "samples", limits=LIMITS)
    with pytest.raises(OperatorNeeded, match="read-only"), disk_faults(tmp_path):
        raise OSError(errno.EROFS, "read-only", str(file))


def test_a_vanished_file_is_no_fault_of_the_video(tmp_path: Path) -> None:
    """Somebody cleans up the folder of the work."""
    with pytest.raises(PassingFault, match="absent"):
        decoded(tmp_path / "absent.mp3")


@NEEDS_PROC
def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    """An hour and a half, which is 173 MB of samples, costs little more than ten seconds do."""
    short = write_silence(tmp_path / "short.flac", hours=1 / 60)
    long = write_silence(tmp_path / "long.flac", hours=1.5)
    small, large = _peak(short), _peak(long)
    assert large - small < 25 * 1024, f"{small} KiB and {large} KiB"


PEAK = """
import sys
from pathlib import Path
from transcriber.audio.decode import AudioLimits, decode
audio = decode(Path(sys.argv[1]), Path(sys.argv[1] + ".samples"), limits=AudioLimits(14_400, 2**30))
assert len(audio.samples(audio.seconds - 1, audio.seconds)) == 16_000
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
"""getrusage would tell the peak of this process, too, if that is higher: a child begins with its parent's."""


def _peak(file: Path) -> int:
    """Peak memory, in KiB, of a process that decodes a file and reads its last second."""
    run = subprocess.run(
        [sys.executable, "-c", PEAK, str(file)],
        cwd=Path(__file__).parents[3],
        check=True,
        capture_output=True,
        text=True,
    )
    return int(run.stdout)


def test_a_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    """As sha256sum prints it."""
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_of(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
