"""YouTube's servers on the loopback interface: player answers, files and captions go in, ways to reach them come out.

Libraries connect as to www.youtube.com and *.googlevideo.com; only the last step, the connection, leads here instead.
"""

from __future__ import annotations

import http.client
import json
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit
from urllib.request import HTTPSHandler, Request

from requests.adapters import HTTPAdapter

from tests.transcriber.loopback_server import LoopbackServer, QuietHandler

if TYPE_CHECKING:
    from collections.abc import Callable

    from requests import PreparedRequest, Response

MEDIA = "rr4---sn-4g5edndl.googlevideo.com"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came in; `route` is player, watch, media or timedtext."""

    route: str
    host: str
    path: str
    query: dict[str, str]
    body: Any

    @property
    def video_id(self) -> str:
        """Of the video that it is about."""
        return str(self.body["videoId"]) if self.body else self.query["v"]

    @property
    def client(self) -> str:
        """The app that it says it comes from."""
        return str(self.body["context"]["client"]["clientName"])

    @property
    def span(self) -> tuple[int, int]:
        """First byte asked for, and the one after the last."""
        first, last = self.query["range"].split("-")
        return int(first), int(last) + 1


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent back. `announced` is the Content-Length where that lies; each of `pauses` is before a byte."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    announced: int | None = None
    pause: float = 0.0
    pause_per_byte: float = 0.0


def as_json(value: Any) -> Reply:
    """A reply of JSON."""
    return Reply(json.dumps(value).encode(), headers={"Content-Type": "application/json"})


class LoopbackYouTube(LoopbackServer):
    """Serves until it ends. Each route is a function that a test may replace; `asked` has all requests in order."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.players: dict[str, Any] = {}
        self.pages: dict[str, str] = {}
        self.files: dict[str, bytes] = {}
        self.captions: dict[str, bytes] = {}
        self.routes: dict[str, Callable[[Asked], Reply]] = {
            "player": self.player,
            "watch": self.watch,
            "media": self.media,
            "timedtext": self.timedtext,
        }
        super().__init__(_Handler)

    def count(self, route: str) -> int:
        """How often a route was asked for."""
        return sum(each.route == route for each in self.asked)

    def player(self, asked: Asked) -> Reply:
        """A player answer: the website's gives a visitor only, as pytubefix reads no more of it."""
        if asked.client == "WEB":
            return as_json({"responseContext": {"visitorData": "Cgt2aXNpdG9yZGF0YQ%3D%3D"}})
        return as_json(self.players[asked.video_id])

    def watch(self, asked: Asked) -> Reply:
        """The page of a video."""
        return Reply(self.pages.get(asked.video_id, "<html></html>").encode())

    def media(self, asked: Asked) -> Reply:
        """A part of a file; one after its end is empty."""
        first, end = asked.span
        return Reply(self.files[asked.query["itag"]][first:end])

    def timedtext(self, asked: Asked) -> Reply:
        """Captions, by language and kind."""
        return Reply(self.captions[asked.query["lang"] + ("/" + asked.query["kind"] if "kind" in asked.query else "")])

    def handler(self) -> HTTPSHandler:
        """For urllib: connects here whatever the host."""
        return ToLoopback(self.port)

    def adapter(self) -> HTTPAdapter:
        """For requests: connects here whatever the host."""
        return LoopbackAdapter(self.port)


class _Handler(QuietHandler[LoopbackYouTube], BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer(None)

    def do_HEAD(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _answer(self, body: Any) -> None:
        parts = urlsplit(self.path)
        names = {"/youtubei/v1/player": "player", "/watch": "watch", "/api/timedtext": "timedtext"}
        route = names.get(parts.path, "media")
        asked = Asked(route, self.headers["Host"], parts.path, dict(parse_qsl(parts.query)), body)
        youtube = self.server.owner
        youtube.asked.append(asked)
        self._send(youtube.routes[route](asked))

    def _send(self, reply: Reply) -> None:
        self.close_connection = True
        time.sleep(reply.pause)
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        length = len(reply.body) if reply.announced is None else reply.announced
        self.send_header("Content-Length", str(length))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command == "HEAD":
            return
        with suppress(OSError):  # whoever asked has gone
            self._send_body(reply)

    def _send_body(self, reply: Reply) -> None:
        if not reply.pause_per_byte:
            self.wfile.write(reply.body)
            return
        for byte in reply.body:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            time.sleep(reply.pause_per_byte)


class ToLoopback(HTTPSHandler):
    """A handler of urllib's that connects to this machine, without encryption."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port

    def https_open(self, request: Request) -> http.client.HTTPResponse:
        """Open the request at this machine."""
        return self.do_open(self._connect, request)  # type: ignore[arg-type]  # any callable that makes a connection

    def _connect(self, host: str, *, timeout: float) -> http.client.HTTPConnection:
        del host  # the Host header names it
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=timeout)


class LoopbackAdapter(HTTPAdapter):
    """An adapter of requests' that connects to this machine, without encryption."""

    def __init__(self, port: int) -> None:
        self._port = port
        super().__init__()

    def send(self, request: PreparedRequest, *arguments: Any, **options: Any) -> Response:
        """Send the request to this machine."""
        address = urlsplit(str(request.url))
        request.headers["Host"] = address.netloc
        request.url = address._replace(scheme="http", netloc=f"127.0.0.1:{self._port}").geturl()
        options["proxies"] = {}
        response = super().send(request, *arguments, **options)
        response.url = address.geturl()
        return response
