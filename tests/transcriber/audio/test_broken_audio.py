"""Files that can't be used: each is refused with the reason that is true."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import av
import pytest

from tests.transcriber.audio.building import (
    cut,
    write_silence,
    write_video,
    write_wav,
)
from tests.transcriber.audio.decoding import KINDS, UNCOUNTED, decoded, noise, refused, write
from transcriber.audio import decode as decode_module
from transcriber.audio.decode import AudioLimits, decode
from transcriber.audio.pcm import PcmWriter
from transcriber.backends.backend import SAMPLE_RATE
from transcriber.faults import VideoFault

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_without_bytes_is_empty(tmp_path: Path) -> None:
    """What a failed download leaves."""
    (tmp_path / "a.mp3").touch()
    assert refused(tmp_path / "a.mp3").reason == "empty"


def test_a_track_without_sound_is_empty(tmp_path: Path) -> None:
    """A header, and nothing after it."""
    assert refused(write_wav(tmp_path / "a.wav", 0)).reason == "empty"


@pytest.mark.parametrize(
    "content",
    [b"This is a text.\n" * 1_000, b"\0" * 100_000, noise(300_000), b"<html>", b"RIFF", b"OggS"],
    ids=["text", "zeros", "noise", "html", "four letters of WAV", "four letters of Ogg"],
)
def test_what_is_no_audio_is_refused(tmp_path: Path, content: bytes) -> None:
    """Whatever its name says."""
    (tmp_path / "a.mp3").write_bytes(content)
    assert refused(tmp_path / "a.mp3").reason == ("truncated" if content == b"OggS" else "not_audio")


def test_a_video_without_sound_has_no_audio(tmp_path: Path) -> None:
    """Pictures only."""
    assert refused(write_video(tmp_path / "a.mp4")).reason == "no_audio"


def test_less_than_a_tenth_of_a_second_is_too_short(tmp_path: Path) -> None:
    """Nobody says a word in it; a tenth is taken."""
    assert refused(write_wav(tmp_path / "a.wav", 0.09)).reason == "too_short"
    assert decoded(write_wav(tmp_path / "b.wav", 0.1)).seconds == pytest.approx(0.1)


@pytest.mark.parametrize("name", sorted(KINDS.keys() - UNCOUNTED))
@pytest.mark.parametrize("share", [0.25, 0.6])
def test_a_file_cut_in_the_middle_is_truncated(tmp_path: Path, name: str, share: float) -> None:
    """By its own account, with nothing announced."""
    assert refused(cut(write(tmp_path, name), share)).reason == "truncated"


@pytest.mark.parametrize("name", sorted(UNCOUNTED - {"sound.ts", "sound.nut"}))
def test_a_cut_file_that_states_no_length_is_known_by_what_was_announced(tmp_path: Path, name: str) -> None:
    """Bare streams have no header that tells; without an announcement what is there is all there is."""
    file = cut(write(tmp_path, name), 0.6)
    assert refused(file, expected_seconds=10).reason == "truncated"
    assert decoded(file).seconds == pytest.approx(6, abs=0.1)


@pytest.mark.parametrize("name", ["sound.ts", "sound.nut"])
def test_a_cut_file_whose_length_is_looked_up_at_its_end_is_not_as_announced(tmp_path: Path, name: str) -> None:
    """Its reader takes it for whole, or looks for its end where there is nothing."""
    assert refused(cut(write(tmp_path, name), 0.5), expected_seconds=10).reason == "wrong_duration"


@pytest.mark.parametrize("name", ["stereo.mp3", "index-first.m4a", "opus.webm", "speech.opus", "lossless.flac"])
def test_a_file_damaged_in_the_middle_is_truncated(tmp_path: Path, name: str) -> None:
    """Noise instead of four seconds in ten, whether its reader fails at it or leaps over it."""
    file = write(tmp_path, name)
    content = bytearray(file.read_bytes())
    first, last = round(len(content) * 0.3), round(len(content) * 0.7)
    content[first:last] = noise(last - first)
    file.write_bytes(content)
    assert refused(file).reason == "truncated"


def test_a_scratch_is_let_pass(tmp_path: Path) -> None:
    """A lost packet or two are silence; the rest is heard, at its time."""
    file = write(tmp_path, "opus.webm")
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 200] = noise(200)
    file.write_bytes(content)
    assert decoded(file).seconds == pytest.approx(10, abs=0.1)


@pytest.mark.parametrize(("announced", "taken"), [(10, True), (11.9, True), (8.1, True), (13, False), (5, False)])
def test_a_whole_file_of_another_length_than_announced_is_refused(
    tmp_path: Path,
    announced: float,
    taken: bool,  # noqa: FBT001  (a column of the table)
) -> None:
    """Shorter or longer by more than two seconds: it is of something else."""
    file = write_wav(tmp_path / "a.wav", 10)
    if taken:
        assert decoded(file, expected_seconds=announced).seconds == pytest.approx(10)
    else:
        assert refused(file, expected_seconds=announced).reason == "wrong_duration"


def test_a_large_file_is_not_opened(tmp_path: Path) -> None:
    """Its size is enough."""
    file = write_wav(tmp_path / "a.wav", 1)
    size = file.stat().st_size
    assert refused(file, AudioLimits(60, size - 1)).reason == "too_large"
    assert decoded(file, limits=AudioLimits(60, size)).seconds == pytest.approx(1)


def test_a_header_that_states_too_long_is_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is decoded of it."""
    file = write_wav(tmp_path / "a.wav", 10)
    monkeypatch.setattr(decode_module, "PcmWriter", None)
    assert refused(file, AudioLimits(9, 1024**3)).reason == "too_long"


def test_hours_in_a_small_file_that_does_not_say_so_are_stopped_at_the_limit(tmp_path: Path) -> None:
    """Two hours of silence in about a megabyte: at most a minute reaches the disk."""
    file = write_silence(tmp_path / "a.flac", hours=2)
    assert file.stat().st_size < 2_000_000
    most = 0

    def watch() -> bool:
        nonlocal most
        most = max(most, *(part.stat().st_size for part in tmp_path.glob("samples*")))
        return False

    with pytest.raises(VideoFault) as caught:
        decode(file, tmp_path / "samples", limits=AudioLimits(60, 1024**3), stop=watch)
    assert caught.value.reason == "too_long"
    assert most <= 62 * SAMPLE_RATE * 2


@pytest.mark.parametrize(
    ("offset", "number", "size"),
    [(24, 4_000_000_000, 4), (24, 1, 4), (24, 0, 4), (22, 65_535, 2), (22, 200, 2), (22, 0, 2)],
    ids=["4 GHz", "1 Hz", "0 Hz", "65535 channels", "200 channels", "no channel"],
)
def test_absurd_shapes_are_refused(tmp_path: Path, offset: int, number: int, size: int) -> None:
    """Resampling them would take memory without end."""
    file = write_wav(tmp_path / "a.wav", 10)
    content = bytearray(file.read_bytes())
    content[offset : offset + size] = number.to_bytes(size, "little")
    file.write_bytes(content)
    assert refused(file).reason == "not_audio"


def test_an_absurd_frame_in_the_middle_is_refused(tmp_path: Path) -> None:
    """Whatever its header said."""
    frame = av.AudioFrame("s16", "mono", samples=1_000)
    frame.sample_rate = 1
    with (tmp_path / "samples").open("wb") as raw, pytest.raises(VideoFault, match="not_audio"):
        PcmWriter(raw, 60).write(frame)


@pytest.mark.parametrize("name", KINDS)
def test_whatever_is_broken_ends_in_a_reason(tmp_path: Path, name: str) -> None:
    """Bytes changed at random, anywhere and in headers: samples or a fault of the closed list, nothing else."""
    good = write(tmp_path, name).read_bytes()
    chance = random.Random(name)  # noqa: S311  (no secret)
    limits = AudioLimits(max_seconds=60, max_bytes=1024**3)
    for attempt in range(8):
        content = bytearray(good)
        reach = len(content) if attempt % 2 else min(len(content), 2_000)
        for _ in range(chance.choice([1, 10, 100])):
            content[chance.randrange(reach)] = chance.randrange(256)
        (tmp_path / "broken").write_bytes(content)
        try:
            audio = decode(tmp_path / "broken", tmp_path / "samples", limits=limits)
        except VideoFault:
            assert not list(tmp_path.glob("samples.part"))
        else:
            assert audio.seconds <= limits.max_seconds
