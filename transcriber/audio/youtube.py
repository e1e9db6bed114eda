"""Audio of YouTube by pytubefix: a video's id goes in, what a download would give and then its file come out."""

from __future__ import annotations

import tempfile
import threading
import time
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from pytubefix import YouTube

from transcriber.audio.disk import disk_faults
from transcriber.audio.source import AudioFormat, Look, VideoDetails
from transcriber.audio.youtube_download import DownloadFailed, download
from transcriber.audio.youtube_faults import FORESEEN, to_fault
from transcriber.audio.youtube_network import TIMEOUT_SECONDS, YouTubeNetwork
from transcriber.audio.youtube_streams import keep_original, read_language
from transcriber.audio.youtube_words import read_sentence
from transcriber.faults import PassingFault, Stopped, VideoFault
from trendscript.ids import VIDEO_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from urllib.request import BaseHandler

    from transcriber.audio.decode import AudioLimits

_log = structlog.get_logger(__name__)

ATTEMPTS = 5
_REMEMBERED = 8

# pytubefix keeps one request body a client for the whole process and writes the video's id into it: of two looks at
# the same time, both may ask for the same video.
_one_look = threading.Lock()


class PytubefixSource:
    """YouTube's audio within limits, without an account. Threads may share it.

    A look takes three requests, or four; a download one for each 9 MB, and one. Addresses of downloads last for some
    hours, so those of the newest looks are remembered. `handlers` are urllib's and stand in for the network.
    """

    name = "pytubefix"

    def __init__(
        self,
        limits: AudioLimits,
        *,
        handlers: Sequence[BaseHandler] = (),
        timeout_seconds: float = TIMEOUT_SECONDS,
        retry_seconds: float = 1.0,
    ) -> None:
        self._limits = limits
        self._network = YouTubeNetwork(handlers, timeout_seconds=timeout_seconds)
        self._retry_seconds = retry_seconds
        self._remembered: dict[str, list[Any]] = {}

    def look(self, video_id: str) -> Look:
        """What a download would give now, and what the player says of the video.

        Raises VideoFault also for what is past the limits, and PassingFault or ServerGone.
        """
        video, streams = self._open(video_id)
        with self._reading(video):
            found = _format(streams[0])
            details = _details(video, self._read_published(video))
        self._check(found, details)
        self._remember(video_id, streams)
        return Look(video_id, found, details)

    def fetch(self, look: Look, folder: Path, *, stop: Callable[[], bool] = lambda: False) -> Path:
        """Bring the audio into `folder`, whole or not at all.

        A download that fails is tried again with fresh addresses; where one format fails, another of the original
        track is taken, whose bytes are those announced for it. Raises VideoFault `truncated` or `empty` where YouTube
        never sends what it announces, and PassingFault, ServerGone, OperatorNeeded or Stopped.
        """
        with disk_faults(folder), tempfile.TemporaryDirectory(dir=folder, prefix=".download-") as place:
            part = self._fetch(look, Path(place), stop)
            return part.replace(folder / f"{look.video_id}{part.suffix}")

    def _fetch(self, look: Look, place: Path, stop: Callable[[], bool]) -> Path:
        video_id = look.video_id
        failures: dict[int, int] = {}
        streams = self._remembered.pop(video_id, None)
        for attempt in range(1, ATTEMPTS + 1):
            if stop():
                raise Stopped
            is_fresh = streams is None
            streams = streams or self._open(video_id)[1]
            stream = min(streams, key=lambda each: (failures.get(each.itag, 0), each.itag != look.format.itag))
            part = place / f"{video_id}.{stream.subtype}"
            try:
                download(stream, part, max_bytes=self._limits.max_bytes, network=self._network, stop=stop)
            except DownloadFailed as failure:
                failed = failure
            else:
                return part
            _log.warning("download_failed", video_id=video_id, itag=stream.itag, attempt=attempt, cause=str(failed))
            if attempt == ATTEMPTS:
                raise failed.fault from failed
            # An address that was remembered may only have been too old.
            if is_fresh and failed.of_the_format:
                failures[stream.itag] = failures.get(stream.itag, 0) + 1
            streams = None
            time.sleep(self._retry_seconds * attempt)
        raise AssertionError  # the last attempt returned or raised

    def _open(self, video_id: str) -> tuple[YouTube, list[Any]]:
        """The video as pytubefix opens it, and its streams of the original sound, the best first."""
        if not VIDEO_ID.matches(video_id):
            raise VideoFault("unavailable", f"{video_id!r} is not the id of a video.")
        video = YouTube.from_id(video_id)
        with _one_look, self._reading(video):
            streams = list(video.streams)
            _check_identity(video.vid_info["videoDetails"], video_id)
            return video, keep_original(streams, _default_urls(video.vid_info["streamingData"]))

    def _read_published(self, video: YouTube) -> datetime | None:
        """When it was published: only the page of the video says, and a look does without where that can't be had."""
        try:
            published = video.publish_date
        except FORESEEN as error:
            _log.warning("publish_date_not_read", video_id=video.video_id, cause=type(error).__name__)
            return None
        return published.astimezone(UTC) if published else None

    @contextmanager
    def _reading(self, video: YouTube) -> Iterator[None]:
        """Whatever pytubefix raises at work on `video` becomes a fault."""
        try:
            with self._network.whole():
                yield
        except FORESEEN as error:
            raise to_fault(error, _sentence(video)) from error

    def _check(self, found: AudioFormat, details: VideoDetails) -> None:
        seconds = max(found.duration_seconds or 0, details.length_seconds or 0)
        if seconds > self._limits.max_seconds:
            raise VideoFault(
                "too_long", f"The video is {seconds:.0f} s long; {self._limits.max_seconds:g} s are allowed."
            )
        if found.bytes is not None and found.bytes > self._limits.max_bytes:
            raise VideoFault("too_large", f"The audio has {found.bytes} bytes; {self._limits.max_bytes} are allowed.")

    def _remember(self, video_id: str, streams: list[Any]) -> None:
        self._remembered[video_id] = streams
        for oldest in list(self._remembered)[:-_REMEMBERED]:
            self._remembered.pop(oldest, None)


def _sentence(video: YouTube) -> str:
    # The property would ask YouTube once more where there was no answer.
    return read_sentence(video._vid_info)  # noqa: SLF001


def _check_identity(said: dict[str, Any], video_id: str) -> None:
    if said["videoId"] != video_id:
        # Apps that it wants to be rid of get one and the same notice in place of any video.
        raise PassingFault(
            f"YouTube answers with another video ({said['videoId']}) than the one asked for. If it stays so, look for "
            "a newer pytubefix."
        )
    if said.get("isPostLiveDvr"):
        raise VideoFault("live", "The live stream has ended and its recording is not whole yet.")


def _format(stream: Any) -> AudioFormat:
    return AudioFormat(
        itag=stream.itag,
        mime_type=stream.mime_type,
        codec=stream.audio_codec,
        bytes=int(stream.filesize),
        duration_seconds=int(stream.durationMs) / 1000,
        language=read_language(stream),
    )


def _default_urls(streaming: Any) -> frozenset[str]:
    formats = streaming.get("adaptiveFormats", [])
    return frozenset(each["url"] for each in formats if each.get("audioTrack", {}).get("audioIsDefault"))


def _details(video: YouTube, published_at: datetime | None) -> VideoDetails:
    said = video.vid_info["videoDetails"]
    keywords = said.get("keywords")
    return VideoDetails(
        title=video.title,
        author=said.get("author"),  # pytubefix's own says "unknown" for none
        channel_id=said.get("channelId"),
        length_seconds=video.length,
        published_at=published_at,
        keywords=None if keywords is None else tuple(keywords),
    )
