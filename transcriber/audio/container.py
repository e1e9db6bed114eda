"""The container around audio: a file goes in, opened as itself and nothing else; its audio track comes out."""

from __future__ import annotations

import errno
import io
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import av
from av.audio.stream import AudioStream
from av.codec.codec import UnknownCodecError
from av.error import FFmpegError
from av.stream import Disposition

from transcriber.audio.wholeness import is_cut_off, read_riff_share
from transcriber.faults import VideoFault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from av.container import InputContainer

FORMATS = (
    *("aac", "ac3", "aiff", "amr", "ape", "asf", "au", "avi", "caf", "dts", "eac3", "flac", "flv", "loas"),
    *("matroska", "webm", "mov", "mp4", "m4a", "3gp", "3g2", "mj2", "mp3", "mpeg", "mpegts", "mxf", "nistsphere"),
    *("nut", "ogg", "tta", "voc", "w64", "wav", "wv"),
)
"""FFmpeg's readers that may open a file. None reads another file or the network, as playlists (hls, concat) do."""

_BARE = frozenset({"aac", "ac3", "amr", "dts", "eac3", "loas", "mp3"})
"""Packets and nothing around them: FFmpeg counts times as if all packets were like the first ones."""

_UNMEASURED = _BARE | {"mpeg"}
"""What states no length: FFmpeg guesses it from the bit rate of the first moments."""

_TAKES_ANY_TAG = 19
"""Since this version PyAV fails at no tag, UTF-8 or not, and has no option for it."""

_FOR_TAGS: dict[str, Any] = (
    {} if int(av.__version__.partition(".")[0]) >= _TAKES_ANY_TAG else {"metadata_errors": "replace"}
)

_MP3_LENGTH_MARKS = (b"Xing", b"Info", b"VBRI")

_SAMPLE_RATES = range(1_000, 768_001)
_MAX_CHANNELS = 64
_MAX_FRAME_SAMPLES = 1 << 20


class _Nameless:
    """A file that FFmpeg can read and seek, but whose name it never learns: only the content decides what it is."""

    name = ""

    def __init__(self, file: io.FileIO) -> None:
        self.read = file.read
        self.tell = file.tell
        self._file = file

    def seek(self, offset: int, whence: int) -> int:
        """Go there; a broken container may name a place that no file has, which FFmpeg is told by a negative number."""
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError):
            return -errno.EINVAL


@contextmanager
def open_container(file: Path) -> Iterator[InputContainer]:
    """A media file, open for reading. Raises VideoFault `truncated` or `not_audio` where it is none.

    OSErrors are the disk's.
    """
    with io.FileIO(file) as raw:
        try:
            container = av.open(
                _Nameless(raw),
                "r",
                options={
                    "format_whitelist": ",".join(FORMATS),
                    "protocol_whitelist": "none",
                    "codec_whitelist": ",".join(_audio_decoders()),
                    "fflags": "-genpts",  # it hoards packets, and only video needs it
                },
                **_FOR_TAGS,
            )
        except FFmpegError as error:
            if is_cut_off(file):
                raise VideoFault("truncated", "The file breaks off before what tells where its audio is.") from error
            raise VideoFault("not_audio", "The file is no audio or video that can be read.") from error
        with container:
            yield container


@cache
def _audio_decoders() -> tuple[str, ...]:
    """Names of all decoders of sound; pictures are never decoded, not even to learn their size."""
    return tuple(sorted(name for name in av.codec.codecs_available if _is_audio_decoder(name)))


def _is_audio_decoder(name: str) -> bool:
    try:
        return av.Codec(name, "r").type == "audio"
    except UnknownCodecError:  # only an encoder has this name
        return False


def pick_audio(container: InputContainer) -> AudioStream:
    """The audio track marked as default, else the first. Raises VideoFault `no_audio` or `not_audio`."""
    streams = [stream for stream in container.streams if isinstance(stream, AudioStream)]
    if not streams:
        raise VideoFault("no_audio", "The file has no audio track.")
    stream = next((stream for stream in streams if Disposition.default in stream.disposition), streams[0])
    if stream.codec_context is None:
        raise VideoFault("not_audio", "The audio track is in a codec that can't be decoded.")
    stream.codec_context.options = {"max_samples": str(_MAX_FRAME_SAMPLES)}
    return stream


def check_shape(rate: int, channels: int) -> None:
    """Raise VideoFault `not_audio` where resampling to one channel would take memory that no real audio takes."""
    if rate not in _SAMPLE_RATES or not 0 < channels <= _MAX_CHANNELS:
        raise VideoFault("not_audio", f"No audio has {channels} channels of {rate} samples a second.")


@dataclass(frozen=True, slots=True)
class Header:
    """What a file states of its audio before anything is decoded; None is what it does not say."""

    seconds: float | None = None
    codec: str | None = None


def read_header(file: Path) -> Header:
    """Length and codec of the audio track; nothing of a file that is no audio. OSErrors are the disk's."""
    try:
        with open_container(file) as container:
            return Header(read_seconds(container, file), pick_audio(container).codec_context.codec.canonical_name)
    except VideoFault:
        return Header()


def read_seconds(container: InputContainer, file: Path) -> float | None:
    """Length that the container states; None where it states none and FFmpeg could only guess."""
    if not container.duration or container.duration < 0:
        return None
    if container.format.name in _UNMEASURED and not _states_mp3_length(file):
        return None
    late = container.start_time or 0
    if container.format.name == "matroska,webm" and 0 < late < container.duration:
        return (container.duration - late) / av.time_base  # Matroska states when it ends, from 0
    return container.duration / av.time_base / read_riff_share(file)


def has_clock(container: InputContainer) -> bool:
    """Whether times of packets are stated, so that a leap in them means something."""
    return container.format.name not in _BARE


def _states_mp3_length(file: Path) -> bool:
    """Whether the first frame of an MP3, after any ID3 tag, is one that counts the others."""
    with file.open("rb") as content:
        head = content.read(10)
        skip = 0
        if head[:3] == b"ID3":
            skip = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=False))
        content.seek(skip)
        first_frame = content.read(512)
    return any(mark in first_frame for mark in _MP3_LENGTH_MARKS)
