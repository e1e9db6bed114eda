"""Audio from a folder: files there are named by the id of their video; one goes in, a copy to work on comes out."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from transcriber.audio.container import read_header
from transcriber.audio.disk import disk_faults
from transcriber.audio.source import AudioFormat, Look
from transcriber.faults import OperatorNeeded, PassingFault, Stopped, VideoFault
from trendscript.ids import VIDEO_ID

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from transcriber.audio.decode import AudioLimits

MIME_TYPES = {
    ".3gp": "video/3gpp",
    ".aac": "audio/aac",
    ".aif": "audio/aiff",
    ".aiff": "audio/aiff",
    ".amr": "audio/amr",
    ".avi": "video/x-msvideo",
    ".caf": "audio/x-caf",
    ".flac": "audio/flac",
    ".flv": "video/x-flv",
    ".m4a": "audio/mp4",
    ".m4v": "video/mp4",
    ".mka": "audio/x-matroska",
    ".mkv": "video/x-matroska",
    ".mov": "video/quicktime",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".mpeg": "video/mpeg",
    ".mpg": "video/mpeg",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".ogv": "video/ogg",
    ".opus": "audio/ogg",
    ".ts": "video/mp2t",
    ".wav": "audio/wav",
    ".weba": "audio/webm",
    ".webm": "video/webm",
    ".wma": "audio/x-ms-wma",
    ".wmv": "video/x-ms-wmv",
}
"""Endings, in lower case, that a file of audio or video may have. What is in it decides when it is decoded."""

_BLOCK = 4 * 1024 * 1024


class FolderSource:
    """Files `ID.ext` right in a folder, where `ext` is one of MIME_TYPES in upper or lower case.

    Of two files of one id, audio goes before video, then the first by name. Put files there by renaming: one that
    grows between look and fetch raises a PassingFault, and one that only stands still is taken as it is.
    Links that lead out of the folder are no files of it.
    """

    name = "folder"

    def __init__(self, folder: Path, limits: AudioLimits) -> None:
        self._folder = folder
        self._limits = limits

    def look(self, video_id: str) -> Look:
        """What the file's name, size and header say. A header that can't be read says nothing: decoding refuses it.

        Raises VideoFault `no_file`; OperatorNeeded when the folder or the file may not be read.
        """
        found = self._find(video_id)
        with disk_faults(self._folder), _open(found) as content:
            size = os.fstat(content.fileno()).st_size
            header = read_header(found.file)
        mime_type = MIME_TYPES[found.suffix]
        return Look(
            video_id,
            AudioFormat(mime_type=mime_type, codec=header.codec, bytes=size, duration_seconds=header.seconds),
        )

    def fetch(self, look: Look, folder: Path, *, stop: Callable[[], bool] = lambda: False) -> Path:
        """Copy the file, as its id and ending.

        Raises VideoFault `no_file`, `too_large` or `too_long`; PassingFault when it has other bytes than the look
        showed, as somebody is writing it now; OperatorNeeded when the folder or the file may not be read; Stopped.
        """
        self._check_limits(look)
        found = self._find(look.video_id)
        target = folder / f"{look.video_id}{found.suffix}"
        partial = target.with_name(f"{target.name}.part")
        with disk_faults(folder):
            try:
                with _open(found) as content, partial.open("wb") as copy:
                    copied = _copy(content, copy, self._limits.max_bytes, stop)
                if copied != look.format.bytes:
                    raise PassingFault(
                        f"{found.file} went from {look.format.bytes} to {copied} bytes while it was read. "
                        "Move files into AUDIO_FOLDER when they are whole."
                    )
                partial.replace(target)
            finally:
                partial.unlink(missing_ok=True)
        return target

    def _check_limits(self, look: Look) -> None:
        size, seconds = look.format.bytes, look.format.duration_seconds
        if size is not None and size > self._limits.max_bytes:
            raise VideoFault("too_large", f"The file has {size} bytes; {self._limits.max_bytes} are allowed.")
        if seconds is not None and seconds > self._limits.max_seconds:
            raise VideoFault("too_long", f"The audio is {seconds:.0f} s; {self._limits.max_seconds:g} s are allowed.")

    def _find(self, video_id: str) -> _Found:
        if not VIDEO_ID.matches(video_id):
            raise VideoFault("no_file", f"{video_id[:100]!r} is not the id of a video.")
        folder, files = self._list()
        found = [_Found(file, file.suffix.lower()) for file in files if file.stem == video_id]
        for file in sorted((file for file in found if file.suffix in MIME_TYPES), key=_Found.rank):
            if file.lies_in(folder):
                return file
        others = ", ".join(sorted(file.file.name for file in found)) or "none of that name"
        raise VideoFault(
            "no_file", f"AUDIO_FOLDER has no file {video_id}.EXT that may be read as audio or video: {others}."
        )

    def _list(self) -> tuple[Path, list[Path]]:
        try:
            folder = self._folder.resolve(strict=True)
            return folder, list(folder.iterdir())
        except (OSError, RuntimeError) as error:  # RuntimeError is a link that leads to itself
            raise OperatorNeeded(
                f"AUDIO_FOLDER is {self._folder}, which can't be read as a folder: {error}."
            ) from error


@dataclass(frozen=True, slots=True)
class _Found:
    """A file of an id, and its ending in lower case."""

    file: Path
    suffix: str

    def rank(self) -> tuple[bool, str]:
        """Audio before video, then by name."""
        return MIME_TYPES[self.suffix].startswith("video/"), self.file.name

    def lies_in(self, folder: Path) -> bool:
        """Whether it is a file, and any link to it leads to somewhere in the folder."""
        try:
            return self.file.is_file() and self.file.resolve().is_relative_to(folder)
        except (OSError, RuntimeError):
            return False


def _open(found: _Found) -> BinaryIO:
    try:
        return found.file.open("rb")
    except FileNotFoundError as error:
        raise VideoFault("no_file", f"{found.file.name} is gone from AUDIO_FOLDER.") from error


def _copy(content: BinaryIO, copy: BinaryIO, max_bytes: int, stop: Callable[[], bool]) -> int:
    """Copy block by block, a block past `max_bytes` at most: whoever writes the file meanwhile can't fill the disk."""
    copied = 0
    while copied <= max_bytes and (block := content.read(_BLOCK)):
        if stop():
            raise Stopped
        copy.write(block)
        copied += len(block)
    return copied
