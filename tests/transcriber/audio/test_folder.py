"""The folder source: a file named by its video's id is looked at and copied whole, and nothing else is touched."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.transcriber.audio.building import LIMITS, cut, write_audio, write_video, write_wav
from transcriber.audio.decode import AudioLimits, decode
from transcriber.audio.folder import MIME_TYPES, FolderSource
from transcriber.audio.source import AudioFormat, AudioSource, Look
from transcriber.faults import OperatorNeeded, PassingFault, Stopped, VideoFault
from trendscript.errors import TrendscriptError

if TYPE_CHECKING:
    from pathlib import Path

ID = "-dQw4w9WgX_"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty AUDIO_FOLDER."""
    folder = tmp_path / "given"
    folder.mkdir()
    return folder


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Where audio is brought to."""
    work = tmp_path / "work"
    work.mkdir()
    return work


def source(folder: Path, limits: AudioLimits = LIMITS) -> AudioSource:
    """The source, as the protocol of all sources."""
    return FolderSource(folder, limits)


def test_a_look_shows_what_the_file_says(folder: Path) -> None:
    """Bytes, type, codec and length; nothing of a player."""
    file = write_wav(folder / f"{ID}.wav", 2)
    look = source(folder).look(ID)
    expected = AudioFormat(mime_type="audio/wav", codec="pcm_s16le", bytes=file.stat().st_size, duration_seconds=2)
    assert look == Look(ID, expected, details=None)


def test_the_codec_is_called_as_elsewhere(folder: Path) -> None:
    """By the format's name, not by that of one decoder of it."""
    write_audio(folder / f"{ID}.MP3", "libmp3lame", 2)
    look = source(folder).look(ID)
    assert (look.format.codec, look.format.mime_type) == ("mp3", "audio/mpeg")
    assert look.format.duration_seconds == pytest.approx(2, abs=0.1)


def test_a_length_that_would_be_guessed_is_not_shown(folder: Path) -> None:
    """A bare stream states none; FFmpeg would divide its size by its first bit rate."""
    write_audio(folder / f"{ID}.aac", "aac", 2)
    assert source(folder).look(ID).format.duration_seconds is None


def test_a_header_that_can_not_be_read_shows_nothing(folder: Path, work: Path) -> None:
    """The file is brought all the same; decoding says what is wrong with it."""
    (folder / f"{ID}.mp3").write_text("no audio")
    look = source(folder).look(ID)
    assert look.format == AudioFormat(mime_type="audio/mpeg", bytes=8)
    with pytest.raises(VideoFault) as caught:
        decode(source(folder).fetch(look, work), work / "samples", limits=LIMITS)
    assert caught.value.reason == "not_audio"


@pytest.mark.parametrize(
    ("name", "bytes_kept", "reason"), [("a.wav", 0, "empty"), ("a.wav", 0.5, "truncated"), ("a.mp4", 1, "no_audio")]
)
def test_broken_files_are_brought_and_refused_by_decoding(
    folder: Path, work: Path, name: str, bytes_kept: float, reason: str
) -> None:
    """What the look announced is what the decoder expects."""
    whole = write_wav(work / name, 10) if name == "a.wav" else write_video(work / name)
    cut(whole, bytes_kept).rename(folder / f"{ID}{whole.suffix}")
    look = source(folder).look(ID)
    file = source(folder).fetch(look, work)
    with pytest.raises(VideoFault) as caught:
        decode(file, work / "samples", limits=LIMITS, expected_seconds=look.format.duration_seconds)
    assert caught.value.reason == reason


def test_a_fetch_copies_the_file_whole(folder: Path, work: Path) -> None:
    """Under its id, byte for byte; the folder stays as it is, and what was there before is replaced."""
    file = write_wav(folder / f"{ID}.WAV", 2)
    (work / f"{ID}.wav").write_text("of a run before")
    fetched = source(folder).fetch(source(folder).look(ID), work)
    assert fetched == work / f"{ID}.wav"
    assert fetched.read_bytes() == file.read_bytes()
    assert [left.name for left in work.iterdir()] == [f"{ID}.wav"]
    fetched.write_text("changed")
    assert file.stat().st_size > 60_000


@pytest.mark.parametrize("ending", sorted(MIME_TYPES))
def test_files_of_every_known_ending_are_found(folder: Path, ending: str) -> None:
    """Of sound and of pictures with sound."""
    write_wav(folder / f"{ID}{ending}", 1)
    assert source(folder).look(ID).format.mime_type == MIME_TYPES[ending]


@pytest.mark.parametrize(
    "name",
    [f"{ID}", f"{ID}.txt", f"{ID}.json", f"{ID}.mp3.part", f"x{ID}.mp3", f"{ID}x.mp3", f"{ID.upper()}.mp3", ".mp3"],
)
def test_other_files_are_not_the_videos(folder: Path, name: str) -> None:
    """A download in progress, a description, another id."""
    write_wav(folder / name, 1)
    with pytest.raises(VideoFault, match="no_file"):
        source(folder).look(ID)


def test_a_folder_of_that_name_is_no_file(folder: Path) -> None:
    """Nor is anything in it."""
    (folder / f"{ID}.mp3").mkdir()
    write_wav(folder / f"{ID}.mp3" / f"{ID}.mp3", 1)
    with pytest.raises(VideoFault, match="no_file"):
        source(folder).look(ID)


def test_a_pipe_of_that_name_is_not_waited_for(folder: Path) -> None:
    """Opening it would never return."""
    os.mkfifo(folder / f"{ID}.mp3")
    with pytest.raises(VideoFault, match="no_file"):
        source(folder).look(ID)


@pytest.mark.parametrize("names", [("mp4", "webm", "wav"), ("wav", "webm", "mp4"), ("webm", "wav", "mp4")])
def test_of_two_files_of_one_video_audio_goes_first(folder: Path, names: tuple[str, ...]) -> None:
    """Then the first by name, in whatever order they were put there."""
    for ending in names:
        write_wav(folder / f"{ID}.{ending}", 1)
    assert source(folder).look(ID).format.mime_type == "audio/wav"
    (folder / f"{ID}.wav").unlink()
    assert source(folder).look(ID).format.mime_type == "video/mp4"


@pytest.mark.parametrize(
    "video_id",
    [
        *("", "../x", "../../etc/p", "/etc/passwd", "a/../../b.mp", "*" * 11, "dQw4w9WgXc", f"{ID}x", f"{ID}\n"),
        *("--exec=reboot", "file:///etc", "é" * 11, "\0" * 11, "[a-z]------", "https://10.0.0.1/x"),
    ],
)
def test_what_is_no_id_is_never_a_path(folder: Path, work: Path, video_id: str) -> None:
    """It is refused before the disk is asked, when looking and when fetching, even if there is a file of that name."""
    write_wav(folder.parent / "x.mp3", 1)
    for name in ("dQw4w9WgXc.mp3", "--exec=reboot.mp3", f"{ID}\n.mp3", f"{ID}x.mp3"):
        write_wav(folder / name, 1)
    with pytest.raises(VideoFault, match="no_file"):
        source(folder).look(video_id)
    with pytest.raises(VideoFault, match="no_file"):
        source(folder).fetch(Look(video_id, AudioFormat(bytes=1)), work)


def test_links_that_lead_out_of_the_folder_are_refused(folder: Path, work: Path) -> None:
    """Whether straight, by another link, or to nowhere; links within it are files of it."""
    outside = write_wav(work / "secret.wav", 1)
    link = folder / f"{ID}.wav"
    for target in (outside, folder / "by-another", folder / "nowhere", link):
        (folder / "by-another").unlink(missing_ok=True)
        (folder / "by-another").symlink_to(outside)
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        with pytest.raises(VideoFault, match="no_file"):
            source(folder).look(ID)
    link.unlink()
    write_wav(folder / "interview, final.wav", 1)
    link.symlink_to("interview, final.wav")
    assert source(folder).fetch(source(folder).look(ID), work).name == f"{ID}.wav"


def test_the_folder_itself_may_be_a_link(folder: Path) -> None:
    """As mounted disks often are."""
    write_wav(folder / f"{ID}.wav", 1)
    (folder.parent / "link").symlink_to(folder)
    assert source(folder.parent / "link").look(ID).video_id == ID


def test_a_file_that_is_being_written_is_waited_for(folder: Path, work: Path) -> None:
    """It has more bytes, or fewer, than the look showed: that passes, and nothing of it is left."""
    file = write_wav(folder / f"{ID}.wav", 1)
    look = source(folder).look(ID)
    for change in (10, -10):
        file.write_bytes(file.read_bytes() + b"\0" * 10 if change > 0 else file.read_bytes()[:-20])
        with pytest.raises(PassingFault, match="while it was read"):
            source(folder).fetch(look, work)
        assert not list(work.iterdir())


def test_a_file_that_is_gone_by_then_is_no_file(folder: Path, work: Path) -> None:
    """Somebody took it away after the look."""
    file = write_wav(folder / f"{ID}.wav", 1)
    look = source(folder).look(ID)
    file.unlink()
    with pytest.raises(VideoFault, match="no_file"):
        source(folder).fetch(look, work)


def test_files_past_the_limits_are_not_copied(folder: Path, work: Path) -> None:
    """Neither large ones nor those whose header says that they are long."""
    file = write_wav(folder / f"{ID}.wav", 10)
    size = file.stat().st_size
    for limits, reason in [(AudioLimits(60, size - 1), "too_large"), (AudioLimits(9, size), "too_long")]:
        few = source(folder, limits)
        with pytest.raises(VideoFault, match=reason):
            few.fetch(few.look(ID), work)
    assert not list(work.iterdir())
    enough = source(folder, AudioLimits(10, size))
    assert enough.fetch(enough.look(ID), work).stat().st_size == size


def test_a_copy_ends_a_block_past_the_limit(folder: Path, work: Path) -> None:
    """A file that never stops growing can't fill the disk, whatever the look showed."""
    file = folder / f"{ID}.wav"
    with file.open("wb") as content:
        content.truncate(64 * 1024 * 1024)
    written = []
    few = source(folder, AudioLimits(60, 1024))
    look = Look(ID, AudioFormat(bytes=1000))

    def watch() -> bool:
        written.append(sum(part.stat().st_size for part in work.iterdir()))
        return False

    with pytest.raises(PassingFault):
        few.fetch(look, work, stop=watch)
    assert max(written) <= 4 * 1024 * 1024
    assert not list(work.iterdir())


def test_stopping_leaves_nothing_behind(folder: Path, work: Path) -> None:
    """It is asked between blocks."""
    write_wav(folder / f"{ID}.wav", 1)
    with pytest.raises(Stopped):
        source(folder).fetch(source(folder).look(ID), work, stop=lambda: True)
    assert not list(work.iterdir())


def test_a_missing_folder_needs_a_person(folder: Path, work: Path) -> None:
    """It names the setting; no video is marked as failed. So does a file in the folder's place, and a ring of links."""
    (work / "file").touch()
    (work / "ring").symlink_to(work / "ring")
    for wrong in (folder / "absent", work / "file", work / "ring"):
        with pytest.raises(OperatorNeeded, match="AUDIO_FOLDER") as caught:
            source(wrong).look(ID)
        assert isinstance(caught.value, TrendscriptError)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_needs_a_person(folder: Path) -> None:
    """Its owner can change that; the video has no fault in it."""
    write_wav(folder / f"{ID}.wav", 1).chmod(0)
    with pytest.raises(OperatorNeeded, match=ID):
        source(folder).look(ID)


def test_the_work_folder_is_ours(folder: Path, work: Path) -> None:
    """If it is gone, that is no fault of the video."""
    write_wav(folder / f"{ID}.wav", 1)
    look = source(folder).look(ID)
    with pytest.raises(PassingFault, match="absent"):
        source(folder).fetch(look, work / "absent")
    assert replace(look, video_id=ID) == look
