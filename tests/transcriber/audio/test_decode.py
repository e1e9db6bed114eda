"""Decoding: what is heard comes out of every container; what can't be used is refused with the reason that is true."""

from __future__ import annotations

import errno
import http.server
import random
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from tests.transcriber.audio.building import (
    LIMITS,
    LOUDNESS,
    TONE,
    cut,
    heard_tone,
    write_audio,
    write_silence,
    write_video,
    write_wav,
)
from transcriber.audio import container
from transcriber.audio import decode as decoding
from transcriber.audio.decode import AudioLimits, decode, sha256_of
from transcriber.audio.disk import disk_faults
from transcriber.audio.pcm import PcmWriter
from transcriber.backends.backend import SAMPLE_RATE
from transcriber.faults import OperatorNeeded, PassingFault, Stopped, VideoFault

if TYPE_CHECKING:
    from collections.abc import Iterator

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


UNCOUNTED = {"counted-by-nobody.mp3", "bare.aac", "bare.ac3", "sound.ts", "sound.nut"}


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
    monkeypatch.setattr(decoding, "PcmWriter", None)
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


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    """A server on this machine, and the paths that anybody asked it for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/secret.ts", asked
        server.shutdown()
        thread.join()


LISTS = {
    "m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{0}\n#EXT-X-ENDLIST\n",
    "ffconcat": "ffconcat version 1.0\nfile '{0}'\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\na=control:{0}\n",
    "mpd": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet>'
    '<Representation id="1" bandwidth="1"><BaseURL>{0}</BaseURL></Representation></AdaptationSet></Period></MPD>',
    "asx": '<asx version="3.0"><entry><ref href="{0}"/></entry></asx>',
    "pls": "[playlist]\nFile1={0}\n",
    "m3u": "#EXTM3U\n{0}\n",
}


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("ending", ["kind", "mp3"])
def test_a_list_of_other_files_is_not_followed(
    tmp_path: Path, listener: tuple[str, list[str]], kind: str, ending: str
) -> None:
    """Not to a file beside it, not to /etc/passwd, not to a server: nobody is asked for anything."""
    url, asked = listener
    beside = write_wav(tmp_path / "beside.wav", 10)
    for target in (url, "file:///etc/passwd", str(beside), beside.name):
        file = tmp_path / f"list.{kind if ending == 'kind' else ending}"
        file.write_text(LISTS[kind].format(target))
        assert refused(file).reason == "not_audio"
    assert asked == []


@pytest.mark.parametrize("kind", ["m3u8", "ffconcat"])
def test_a_reader_of_lists_could_not_open_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listener: tuple[str, list[str]], kind: str
) -> None:
    """Were one let in, there would be no way for it to reach a file or a server."""
    url, asked = listener
    beside = write_audio(tmp_path / "beside.ts", "aac", 2)
    monkeypatch.chdir(tmp_path)  # which a relative name would be looked up in
    monkeypatch.setattr(container, "FORMATS", (*container.FORMATS, "hls", "concat"))
    for target in (url, str(beside), beside.name):
        file = tmp_path / f"list.{kind}"
        file.write_text(LISTS[kind].format(target))
        assert refused(file).reason == "not_audio"
    assert asked == []


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
