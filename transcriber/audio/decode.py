"""Decoding: an audio or video file goes in, its sound as samples on disk comes out, or why it can't be had."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from av import time_base as TICKS_A_SECOND  # noqa: N812 - a constant of FFmpeg's
from av.error import FFmpegError

from transcriber.audio.container import check_shape, has_clock, open_container, pick_audio, read_seconds
from transcriber.audio.disk import disk_faults
from transcriber.audio.pcm import DecodedAudio, PcmWriter
from transcriber.audio.wholeness import is_cut_off
from transcriber.faults import Stopped, VideoFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream

MIN_SECONDS = 0.1
_SLACK_SECONDS = 2.0
_SLACK_SHARE = 0.02
_GAP_SECONDS = 0.25
_PACKET_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class AudioLimits:
    """How much audio is taken: seconds of sound and bytes of file."""

    max_seconds: float
    max_bytes: int


def sha256_of(path: Path) -> str:
    """SHA-256 of a file in hexadecimal."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def decode(
    file: Path,
    into: Path,
    *,
    limits: AudioLimits,
    expected_seconds: float | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> DecodedAudio:
    """Decode the default audio track of `file` into `into`, whole or not at all; memory does not grow with its length.

    Times in the result are those of the file's own clock: where sound begins late, is missing or is damaged, there
    is silence. `expected_seconds` is what the source announced.

    Raises:
        VideoFault: `empty`, `too_large`, `not_audio`, `no_audio`, `too_short`, `too_long`; `truncated` where the file
            ends before its own header says it does, or inside a part of it, or much of it is damaged, or it ends
            before it was announced to and has no header that says when; `wrong_duration` where it is whole by its
            own account, but shorter or longer than announced. Differences up to 2 s or 2 % are let pass.
        ServiceFault: the disk is full or fails.
        Stopped: `stop` said so; nothing is left behind.
    """
    partial = into.with_name(f"{into.name}.part")
    with disk_faults(into.parent):
        _check_size(file, limits.max_bytes)
        try:
            with partial.open("wb") as raw:
                decoded = _decode_into(raw, file, limits.max_seconds, stop)
            _check_duration(decoded, expected_seconds)
            partial.replace(into)
        finally:
            partial.unlink(missing_ok=True)
    return DecodedAudio(into, decoded.count)


def _check_size(file: Path, max_bytes: int) -> None:
    size = file.stat().st_size
    if size == 0:
        raise VideoFault("empty", "The file has no bytes.")
    if size > max_bytes:
        raise VideoFault("too_large", f"The file has {size} bytes; {max_bytes} are allowed.")


@dataclass(frozen=True, slots=True)
class _Decoded:
    """What came out: samples, seconds lost in between, and how far the file goes by its header and by its packets."""

    count: int
    seconds: float
    lost: float
    stated: float | None
    reached: float
    broken: str | None
    cut_off: bool


def _decode_into(raw: BinaryIO, file: Path, max_seconds: float, stop: Callable[[], bool]) -> _Decoded:
    with open_container(file) as container:
        stream = pick_audio(container)
        check_shape(stream.codec_context.sample_rate, stream.codec_context.layout.nb_channels)
        stated = read_seconds(container, file)
        if stated is not None and stated > max_seconds:
            raise VideoFault("too_long", f"The audio is {stated:.0f} s long; {max_seconds:g} s are allowed.")
        track = _Track(container, stream, PcmWriter(raw, max_seconds), stated)
        track.decode(stop)
        return track.result(cut_off=is_cut_off(file))


class _Track:
    """Decodes one track of a container packet by packet, on the clock of the container."""

    def __init__(self, container: InputContainer, stream: AudioStream, pcm: PcmWriter, stated: float | None) -> None:
        self._container = container
        self._stream = stream
        self._pcm = pcm
        self._stated = stated
        self._clocked = has_clock(container)
        self._origin = (container.start_time or 0) / TICKS_A_SECOND
        self._ticks = [float(stream.time_base or 0) for stream in container.streams]
        self._damaged = 0.0
        self._missing = 0.0
        self._reached = 0.0
        self._broken: str | None = None

    def decode(self, stop: Callable[[], bool]) -> None:
        """Decode the track to its end, or to where the container breaks."""
        with self._noting_breaks():
            self._decode_packets(stop)
        with self._noting_breaks():
            self._pcm.flush()

    @contextmanager
    def _noting_breaks(self) -> Iterator[None]:
        try:
            yield
        except FFmpegError as error:
            self._broken = error.strerror

    def _decode_packets(self, stop: Callable[[], bool]) -> None:
        for packet in self._container.demux():
            if stop():
                raise Stopped
            tick = self._ticks[packet.stream_index]
            seconds = (packet.duration or 0) * tick
            if packet.pts is not None:
                self._reached = max(self._reached, packet.pts * tick - self._origin + seconds)
            if packet.stream_index == self._stream.index:
                self._decode_packet(packet, seconds or _PACKET_SECONDS)

    def _decode_packet(self, packet: Packet[Stream], seconds: float) -> None:
        try:
            frames = self._stream.decode(packet)
        except FFmpegError:
            self._damaged += seconds
            return
        for frame in frames:
            self._fill_gap_before(frame)
            self._pcm.write(frame)

    def _fill_gap_before(self, frame: AudioFrame) -> None:
        """Write silence where the clock leaps, unless to where the file doesn't reach by its own account."""
        if frame.time is None or not self._clocked:
            return
        time = frame.time - self._origin
        gap = time - self._pcm.seconds
        if gap > _GAP_SECONDS and (self._stated is None or time <= self._stated):
            self._missing += gap if self._pcm.count else 0  # sound may begin after the pictures
            self._pcm.write_silence(gap)

    def result(self, *, cut_off: bool) -> _Decoded:
        """What was decoded of a file that is `cut_off` or not."""
        count, seconds = self._pcm.count, self._pcm.seconds
        lost = max(self._damaged, self._missing)  # what is damaged is also missing, where packets carry times
        return _Decoded(count, seconds, lost, self._stated, self._reached, self._broken, cut_off)


def _check_duration(decoded: _Decoded, expected_seconds: float | None) -> None:
    """Raise a VideoFault where the sound is not what the file, or whoever announced it, says it is."""
    seconds, stated = decoded.seconds, decoded.stated
    reached = max(seconds, decoded.reached)
    if not decoded.count and (decoded.lost or decoded.broken):
        raise VideoFault("not_audio", "Nothing of the audio track can be decoded.")
    if decoded.lost > _slack(reached):
        raise VideoFault("truncated", f"{decoded.lost:.1f} s of {reached:.1f} s are damaged or missing.")
    if stated is not None and reached < stated - _slack(stated):
        raise VideoFault("truncated", f"The file ends after {reached:.1f} s; its header says {stated:.1f} s.")
    if decoded.cut_off or (stated is None and decoded.broken):
        raise VideoFault("truncated", f"The file breaks off after {reached:.1f} s.")
    if not decoded.count:
        raise VideoFault("empty", "The audio track holds no sound.")
    if expected_seconds is not None:
        _check_announced(decoded, expected_seconds)
    if seconds < MIN_SECONDS:
        raise VideoFault("too_short", f"The audio is {seconds:.3f} s long; less than {MIN_SECONDS} s hold no word.")


def _check_announced(decoded: _Decoded, expected: float) -> None:
    """The sound may be shorter than announced where the file itself is not: pictures may go on without it."""
    seconds = decoded.seconds
    if abs(max(seconds, decoded.reached) - expected) <= _slack(expected):
        return
    detail = f"The audio is {seconds:.1f} s long; {expected:.1f} s were announced."
    raise VideoFault("truncated" if decoded.stated is None and seconds < expected else "wrong_duration", detail)


def _slack(seconds: float) -> float:
    """By how much lengths may differ: encoders pad, and lengths are announced in whole seconds."""
    return max(_SLACK_SECONDS, _SLACK_SHARE * seconds)
