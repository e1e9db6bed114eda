"""A stand-in for a speech server on the loopback interface: a dialect and faults go in, an address comes out.

It speaks real HTTP, checks the key, reads the form and decodes the audio as such servers do.
"""

from __future__ import annotations

import io
import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING

import av
import numpy as np
from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header

from tests.transcriber.backends.loopback_dialects import (
    LARGEST_BODY,
    OPENAI,
    Dialect,
    Sentence,
    SpeechAnswer,
    SpeechRequest,
    answer,
    error_answer,
    refusal,
    too_large,
    wrong_key,
)
from tests.transcriber.loopback_server import LoopbackServer, QuietHandler

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    import numpy.typing as npt

KEY = "sk-not-to-be-seen-0123456789"
_HEARD_RATE = 16_000
_QUIET = 0.01
_HEADERS = {
    "openai-processing-ms": "312",
    "openai-version": "2020-10-01",
    "x-ratelimit-limit-requests": "50",
    "x-ratelimit-remaining-requests": "49",
    "x-ratelimit-reset-requests": "1.2s",
}


@dataclass(frozen=True, slots=True)
class Dropped:
    """The connection is closed without a word."""


@dataclass(frozen=True, slots=True)
class Hanging:
    """Nothing is answered until the server ends."""


@dataclass(frozen=True, slots=True)
class CutOff:
    """The header announces more than the body has."""


Fault = SpeechAnswer | Dropped | Hanging | CutOff


def hear_fixed(samples: npt.NDArray[np.float32]) -> list[Sentence]:
    """Two sentences in anything that makes a sound, none in silence."""
    seconds = len(samples) / _HEARD_RATE
    if not len(samples) or float(np.abs(samples).max()) < _QUIET:
        return []
    middle = round(seconds / 2, 2)
    return [Sentence(0.0, middle, "Good morning, all."), Sentence(middle, round(seconds, 2), "Here is the news.")]


class LoopbackSpeechApi(LoopbackServer):
    """A context manager that serves a dialect at `base_url` until it ends.

    `faults` are what the next requests meet, one each; then the rest is answered as the dialect does. `max_body` is
    the largest request that is read. `requests` lists the transcriptions that were asked for, faults included.
    """

    def __init__(
        self,
        dialect: Dialect = OPENAI,
        *,
        faults: Sequence[Fault] = (),
        always: Fault | None = None,
        max_body: int = LARGEST_BODY,
        hear: Callable[[npt.NDArray[np.float32]], list[Sentence]] = hear_fixed,
    ) -> None:
        self.dialect = dialect
        self.faults = list(faults)
        self.always = always
        self.max_body = max_body
        self.hear = hear
        self.requests: list[SpeechRequest] = []
        self.ended = threading.Event()
        self._lock = threading.Lock()
        super().__init__(_Handler)

    @property
    def base_url(self) -> str:
        """The value for OPENAI_BASE_URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.ended.set()
        super().__exit__(kind, error, traceback)

    def answer(self, request: SpeechRequest, samples: npt.NDArray[np.float32], body_bytes: int) -> Fault:
        """Record a request and decide what it meets."""
        with self._lock:
            self.requests.append(request)
            fault = self.faults.pop(0) if self.faults else self.always
        if fault is not None:
            return fault
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        if key != KEY:
            return wrong_key(key)
        if body_bytes > self.max_body:
            return too_large(body_bytes)
        return refusal(self.dialect, request) or answer(self.dialect, request, self.hear(samples))


class _Handler(QuietHandler[LoopbackSpeechApi], BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """List the models."""
        dialect = self.server.owner.dialect
        if self.path != "/v1/models" or not dialect.has_models:
            self._send(error_answer(404, "Not found"))
            return
        ends = dialect.shutdown_dates
        models = [
            {"id": name, "object": "model", "created": 1, "owned_by": "o", "shutdown_date": ends.get(name)}
            for name in dialect.formats
        ]
        self._send(SpeechAnswer(200, json.dumps({"object": "list", "data": models}).encode()))

    def do_POST(self) -> None:
        """Transcribe."""
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path != "/v1/audio/transcriptions":
            self._send(error_answer(404, f"Invalid URL (POST {self.path})"))
            return
        mime_type, options = parse_options_header(self.headers["content-type"])
        _, form, files = FormDataParser().parse(io.BytesIO(body), mime_type, len(body), options)
        file = files.get("file")
        if file is None or not form.get("model"):
            self._send(error_answer(400, "Missing required parameter", param="file"))
            return
        content = file.stream.read()
        codec, samples = decode(content)
        request = SpeechRequest(
            fields={name: form.getlist(name) for name in form},
            headers={name.lower(): value for name, value in self.headers.items()},
            file_name=file.filename or "",
            file_bytes=len(content),
            codec=codec,
            seconds=None if codec is None else len(samples) / _HEARD_RATE,
        )
        self._meet(self.server.owner.answer(request, samples, len(body)))

    def _meet(self, fault: Fault) -> None:
        if isinstance(fault, SpeechAnswer):
            self._send(fault)
            return
        if isinstance(fault, Hanging):
            self.server.owner.ended.wait(60)
        elif isinstance(fault, CutOff):
            self._send(SpeechAnswer(200, b'{"text": "Go', headers={"Content-Length": "1000"}))
        self.close_connection = True
        self.connection.close()

    def _send(self, given: SpeechAnswer) -> None:
        self.send_response(given.status)
        headers = {"Content-Type": given.content_type, "Content-Length": str(len(given.body))}
        for name, value in {**headers, **_HEADERS, "x-request-id": "req_1", **given.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(given.body)


def decode(content: bytes) -> tuple[str | None, npt.NDArray[np.float32]]:
    """The codec, None if it can't be told, and 16 kHz samples of a file."""
    try:
        with av.open(io.BytesIO(content), "r") as container:
            codec = container.streams.audio[0].codec_context.name
            resampler = av.AudioResampler(format="flt", layout="mono", rate=_HEARD_RATE)
            frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
            frames += resampler.resample(None)
    except (av.FFmpegError, IndexError):
        return None, np.zeros(0, np.float32)
    return codec, np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames] or [np.zeros(0, np.float32)])
