"""A download of one stream of YouTube's: the stream goes in, a file with just the announced bytes comes out.

pytubefix reports success for files that are empty or cut off, and leaves them behind; so here nothing counts but
what lies on disk.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError

from transcriber.audio.youtube_faults import FORESEEN, NETWORK, to_fault
from transcriber.audio.youtube_network import DownloadStalls
from transcriber.faults import PassingFault, ServerGone, Stopped, VideoFault

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from transcriber.audio.youtube_network import YouTubeNetwork
    from transcriber.faults import ServiceFault

_PART_BYTES = 9 * 1024 * 1024
_SPARE_REQUESTS = 20
_SPARE_SECONDS = 300.0
_SLOWEST_BYTES_A_SECOND = 16_000
_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500


class DownloadFailed(Exception):
    """Raised when one attempt at one stream failed; `fault` is what it means if no other attempt helps.

    `of_the_format`: another format of the same video may do better.
    """

    def __init__(self, fault: VideoFault | ServiceFault) -> None:
        self.fault = fault
        self.of_the_format = not isinstance(fault, ServerGone)
        super().__init__(str(fault))


def download(stream: Any, into: Path, *, max_bytes: int, network: YouTubeNetwork, stop: Callable[[], bool]) -> None:
    """Write the stream to `into`. If it raises, `into` may hold a part.

    Raises:
        DownloadFailed: another attempt, or another stream, may help.
        PassingFault: none will for some time.
        Stopped: `stop` said so.
        OSError: the disk is full or fails.
    """
    announced = _announced(stream, network)
    if announced > max_bytes:
        raise DownloadFailed(VideoFault("too_large", f"The audio has {announced} bytes; {max_bytes} are allowed."))
    watch = _Watch(into, announced, stop)
    with network.pieces(requests=_SPARE_REQUESTS + 3 * (announced // _PART_BYTES)):
        try:
            stream.download(
                output_path=str(into.parent), filename=into.name, skip_existing=False, interrupt_checker=watch
            )
        except DownloadStalls:
            pass  # its size tells
        except FORESEEN as error:
            raise _failure(error) from error
    watch.check()
    _check_size(into, announced)


def _announced(stream: Any, network: YouTubeNetwork) -> int:
    with network.whole():
        try:
            return int(stream.filesize)
        except FORESEEN as error:
            raise _failure(error) from error


class _Watch:
    """Asked by pytubefix between pieces whether to break off; remembers why."""

    def __init__(self, file: Path, announced: int, stop: Callable[[], bool]) -> None:
        self._file = file
        self._announced = announced
        self._stop = stop
        self._deadline = time.monotonic() + _SPARE_SECONDS + announced / _SLOWEST_BYTES_A_SECOND
        self._stopped = False
        self._late = False

    def __call__(self) -> bool:
        self._stopped = self._stop()
        self._late = time.monotonic() > self._deadline
        return self._stopped or self._late or self._file.stat().st_size > self._announced

    def check(self) -> None:
        """Raises Stopped, or DownloadFailed where it took far too long."""
        if self._stopped:
            raise Stopped
        if self._late:
            raise DownloadFailed(ServerGone("YouTube sends the audio too slowly to ever end. Try again later."))


def _check_size(file: Path, announced: int) -> None:
    size = file.stat().st_size
    if size == announced and size > 0:
        return
    if size == 0:
        # pytubefix swallows the 404 of a file that isn't there.
        raise DownloadFailed(VideoFault("empty", f"YouTube sends no bytes of the {announced} it announced."))
    raise DownloadFailed(VideoFault("truncated", f"YouTube announced {announced} bytes and sent {size}."))


def _failure(error: Exception) -> Exception:
    """What to raise for what pytubefix raised; an error of the disk as it is."""
    if isinstance(error, HTTPError):
        fault = to_fault(error)
        if error.code == _TOO_MANY_REQUESTS:
            return fault
        if error.code < _SERVER_ERROR:
            return DownloadFailed(
                PassingFault(
                    f"YouTube refuses the audio of a video that it lets us look at (HTTP {error.code}), in every "
                    "format tried. It most often means that it takes us for a robot; wait, or look for a newer "
                    "pytubefix."
                )
            )
        return DownloadFailed(fault)
    if isinstance(error, OSError) and not isinstance(error, NETWORK):
        return error
    return DownloadFailed(to_fault(error))
