"""pytubefix's way to the network: its requests go in; answers of YouTube's own servers come out, and none drags on.

pytubefix opens addresses by one function of its module `request`, mostly without a timeout, reads 9 MB at a time,
and asks again without end where a server sends nothing. That function is replaced here, for those who use it inside
`YouTubeNetwork.whole` or `YouTubeNetwork.pieces`.
"""

from __future__ import annotations

import http.client
import logging
import time
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import BaseHandler, OpenerDirector, Request, build_opener

import pytubefix.request

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from email.message import Message

TIMEOUT_SECONDS = 30.0
"""A server that says nothing for so long is gone."""

_WHOLE_SECONDS = 120.0
_WHOLE_BYTES = 64 * 1024 * 1024
_PIECE_BYTES = 64 * 1024
_SITES = ("youtube.com", "googlevideo.com")

# It warns of what its exceptions say again, and asks to open issues; our own events and faults say it with more.
logging.getLogger("pytubefix").addHandler(logging.NullHandler())


class ServerRefused(URLError):
    """Raised when an answer leads to a server that is not YouTube's, or to one without encryption."""


class AnswerDragsOn(http.client.HTTPException):
    """Raised when an answer takes far longer, or is far longer, than any of YouTube's."""


class DownloadStalls(http.client.HTTPException):
    """Raised when a file does not grow however often its next part is asked for."""


class _OnlyYouTube(BaseHandler):
    """Looks at each request before it goes out, those that follow a redirection included."""

    def https_request(self, request: Request) -> Request:
        host = (request.host or "").lower()
        if not any(host == site or host.endswith(f".{site}") for site in _SITES):
            raise ServerRefused(f"{host or 'an address without a host'} is no server of YouTube's")
        return request

    def http_request(self, request: Request) -> Request:
        raise ServerRefused(f"{request.host} would be asked without encryption")


@dataclass(slots=True)
class _Use:
    """How requests of this thread are answered at the moment; `requests_left` is None where any number may go out."""

    opener: OpenerDirector
    timeout_seconds: float
    requests_left: int | None = None


_use: ContextVar[_Use | None] = ContextVar("_use", default=None)


class _Answer:
    """What pytubefix uses of a response. In `pieces` each read gives what has arrived, else the whole body."""

    def __init__(self, response: http.client.HTTPResponse, *, piecewise: bool) -> None:
        self._response = response
        self._piecewise = piecewise

    def info(self) -> Message:
        return self._response.headers

    def read(self) -> bytes:
        if self._piecewise:
            return self._read_piece()
        deadline = time.monotonic() + _WHOLE_SECONDS
        body = bytearray()
        while piece := self._read_piece():
            body += piece
            if len(body) > _WHOLE_BYTES or time.monotonic() > deadline:
                self._response.close()
                raise AnswerDragsOn(f"an answer of more than {len(body)} bytes, or {_WHOLE_SECONDS:.0f} s")
        return bytes(body)

    def _read_piece(self) -> bytes:
        piece = self._response.read1(_PIECE_BYTES)
        if not piece:
            self._response.close()
        return piece


class YouTubeNetwork:
    """Reaches YouTube's servers over HTTPS. `handlers` are urllib's; they stand in for its own, as for a proxy."""

    def __init__(self, handlers: Sequence[BaseHandler] = (), *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._opener = build_opener(_OnlyYouTube(), *handlers)
        self._timeout_seconds = timeout_seconds

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Answers inside are read whole, within limits of time and size."""
        with _used(_Use(self._opener, self._timeout_seconds)):
            yield

    @contextmanager
    def pieces(self, *, requests: int) -> Iterator[None]:
        """Answers inside are read as they arrive, so that somebody may stop in between; DownloadStalls after so many.

        Who reads has to watch the time.
        """
        with _used(_Use(self._opener, self._timeout_seconds, requests)):
            yield


@contextmanager
def _used(use: _Use) -> Iterator[None]:
    token = _use.set(use)
    try:
        yield
    finally:
        _use.reset(token)


def _urlopen(request: Request, *, timeout: object = None) -> _Answer:
    del timeout  # pytubefix's is mostly none at all
    use = _use.get() or _Use(build_opener(_OnlyYouTube()), TIMEOUT_SECONDS)
    if use.requests_left is not None:
        if use.requests_left == 0:
            raise DownloadStalls("the file does not grow, however often it is asked for")
        use.requests_left -= 1
    response = use.opener.open(request, timeout=use.timeout_seconds)
    return _Answer(response, piecewise=use.requests_left is not None)


pytubefix.request.urlopen = _urlopen
