"""A stand-in for the YouTube Data API v3 on the loopback interface: resources and faults go in, an address comes out.

It answers videos.list (by chart and by id), channels.list, videoCategories.list and i18nRegions.list with the
API's own shapes, paging and error bodies, so that a demo and tests need neither key nor network.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qs, urlsplit

from ingest.loopback_answers import ApiAnswer, ApiRequest, LoopbackData, answer_from, bad_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

_PREFIX = "/youtube/v3/"


@dataclass(slots=True)
class Fault:
    """What goes wrong: requests of a resource whose parameters include `where` get `answer`.

    `after` such requests pass before the fault begins; it ends after `times` of them (None: never). An
    answer of None closes the connection without a word. `met` counts the requests it has matched.
    """

    answer: ApiAnswer | None
    resource: str = "videos"
    where: Mapping[str, str] = field(default_factory=dict)
    after: int = 0
    times: int | None = None
    met: int = field(default=0, init=False)

    def matches(self, request: ApiRequest) -> bool:
        """True for the requests this fault may meet."""
        return request.resource == self.resource and self.where.items() <= request.parameters.items()


class LoopbackApi:
    """A context manager that serves `data` at `endpoint` (the value for YOUTUBE_API_ENDPOINT) until it ends.

    `key`, where given, is the only key that is accepted. `requests` lists what was asked, in order of
    arrival. `faults` may be changed while it serves.
    """

    def __init__(
        self, data: LoopbackData | None = None, *, faults: Sequence[Fault] = (), key: str | None = None
    ) -> None:
        self.data = data or LoopbackData()
        self.faults = list(faults)
        self.key = key
        self.requests: list[ApiRequest] = []
        self._lock = threading.Lock()
        self._server = _Server(self)

    @property
    def endpoint(self) -> str:
        """Address of the server, without the API's path."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: ApiRequest) -> ApiAnswer | None:
        """Record the request and decide its answer; None closes the connection."""
        with self._lock:
            self.requests.append(request)
            fault = self._active_fault(request)
        if fault is not None:
            return fault.answer
        if not request.key or self.key not in {None, request.key}:
            return bad_key()
        return answer_from(self.data, request)

    def _active_fault(self, request: ApiRequest) -> Fault | None:
        for fault in self.faults:
            if not fault.matches(request):
                continue
            fault.met += 1
            if fault.met > fault.after and (fault.times is None or fault.met <= fault.after + fault.times):
                return fault
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, api: LoopbackApi) -> None:
        self.api = api
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each body waits 40 ms for the header's acknowledgement
    server: _Server

    def do_GET(self) -> None:
        """Answer one request."""
        answer = self.server.api.answer(self._request())
        if answer is None:
            self.close_connection = True
            self.connection.close()
            return
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def _request(self) -> ApiRequest:
        parts = urlsplit(self.path)
        parameters = {name: ",".join(values) for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        key = parameters.pop("key", None) or self.headers.get("X-Goog-Api-Key")
        parameters.pop("alt", None)
        return ApiRequest(parts.path.removeprefix(_PREFIX), parameters, key)

    def log_message(self, *_: object) -> None:
        """Say nothing: `LoopbackApi.requests` has it all."""
