"""Where audio comes from: the protocol that every source of audio keeps, and what a look at a video shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """The file that a download would give; None is what the look did not show. `language` is a BCP-47 code."""

    itag: int | None = None
    mime_type: str | None = None
    codec: str | None = None
    bytes: int | None = None
    duration_seconds: float | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class VideoDetails:
    """What YouTube's player says of a video; None is what it did not say."""

    title: str | None = None
    author: str | None = None
    channel_id: str | None = None
    length_seconds: int | None = None
    published_at: datetime | None = None
    keywords: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """A look at a video, without a download. `details` is None for a source that knows only the file."""

    video_id: str
    format: AudioFormat
    details: VideoDetails | None = None


class AudioSource(Protocol):
    """Gives the audio of videos by their ids, which are 11 characters and nothing else; may be used by two threads.

    Everything a source raises is a VideoFault or a ServiceFault.
    """

    name: str

    def look(self, video_id: str) -> Look:
        """What a download would give now."""

    def fetch(self, look: Look, folder: Path, *, stop: Callable[[], bool] = lambda: False) -> Path:
        """Bring the audio that `look` showed into `folder`, whole or not at all, and return its file.

        The file has just the bytes that were announced. Raises Stopped when `stop` says so in between.
        """
