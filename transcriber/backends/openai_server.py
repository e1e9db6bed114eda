"""A speech server behind the `openai` client: a file and form fields go in, what is said or a refusal comes out."""

from __future__ import annotations

import random
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx2
import openai
import structlog

from transcriber.backends.openai_answers import AnswerUnreadable, Said, read_answer
from transcriber.backends.openai_capabilities import OPENAI_URL, is_openai
from transcriber.backends.openai_errors import parse_error
from transcriber.backends.openai_failures import Refusal, to_refusal
from transcriber.backends.openai_waiting import DeadlinePassed, call_unless_stopped, wait_seconds
from transcriber.faults import OperatorNeeded, PassingFault, ServerGone

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

_log = structlog.get_logger(__name__)

ATTEMPTS = {"rate_limited": 4, "overloaded": 4, "unreachable": 4, "timed_out": 2, "unreadable": 2}
"""How often a request is sent at most, by how it failed last; once where the kind is not here."""

_LONGEST_WAIT_SECONDS = 30.0
_LONGEST_PATIENCE_SECONDS = 60.0
_CONNECT_SECONDS = 10.0
_MODELS_SECONDS = 5.0
_LARGEST_ANSWER_BYTES = 64 * 1024 * 1024
_USUAL_PATH = "/v1"
_MARK_CHARACTERS = 8
_THIS_MACHINE = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Timing:
    """How long to wait: for an answer in all, and before the first repetition (doubled for each one after)."""

    answer_seconds: float = 900.0
    retry_seconds: float = 1.0


class SpeechServer:
    """Sends requests, one at a time. The key is in no error and no log line.

    `host` is for people; `place` tells apart two servers behind one host.

    A request that fails in a way that may pass is repeated a few times, not before the server said. One that
    is under way when `stop` says so is left to itself: its answer, when it comes, is thrown away.
    """

    def __init__(
        self, api_key: str, base_url: str | None, *, timing: Timing, stop: Callable[[], bool] = lambda: False
    ) -> None:
        address = base_url or OPENAI_URL
        self.host = _check_address(address)
        self.place = self.host + _path_mark(address)
        self._key = _check_key(api_key, base_url)
        self._timing = timing
        self._stop = stop
        seconds = openai.Timeout(timing.answer_seconds, connect=min(_CONNECT_SECONDS, timing.answer_seconds))
        # A proxy of the environment would look for a server of this machine on its own.
        is_here = urlsplit(address).hostname in _THIS_MACHINE
        http_client = openai.DefaultHttpxClient(trust_env=not is_here, timeout=seconds)
        self._client = openai.OpenAI(
            api_key=self._key, base_url=address, max_retries=0, timeout=seconds, http_client=http_client
        )

    def ask(self, file: tuple[str, bytes, str], fields: Mapping[str, Any]) -> Said | Refusal:
        """What the server hears in a file (name, content, type), or how it failed in the last attempt.

        Raises Stopped.
        """
        attempt = 1
        while True:
            answer = self._attempt(file, fields)
            if isinstance(answer, Said) or attempt >= ATTEMPTS.get(answer.kind, 1):
                return answer
            seconds = self._wait_before(attempt, answer)
            if seconds is None:
                return answer
            _log.warning(
                "speech_request_repeated", host=self.host, cause=answer.kind, attempt=attempt, seconds=round(seconds, 2)
            )
            wait_seconds(seconds, self._stop)
            attempt += 1

    def shutdown_date(self, model: str) -> str | None:
        """The day on which the server says that it ends a model; None where it says nothing, or has no list."""
        try:
            listed = self._client.with_options(timeout=_MODELS_SECONDS).models.list()
            found = [entry.shutdown_date for entry in listed.data if entry.id == model]
        except (openai.OpenAIError, httpx2.HTTPError, ValueError, TypeError, AttributeError):
            return None  # whisper.cpp has no list, others one of their own shape; the transcription itself will tell
        return str(found[0]) if found and found[0] else None

    def _wait_before(self, attempt: int, answer: Refusal) -> float | None:
        """Seconds until the next attempt; None where the server asked for more than is waited here."""
        longest = min(_LONGEST_WAIT_SECONDS, self._timing.retry_seconds * 2.0 ** (attempt - 1))
        seconds = longest * random.uniform(0.5, 1.0)  # noqa: S311  (spreads attempts, guards no secret)
        asked = answer.fault.retry_after if isinstance(answer.fault, PassingFault) else None
        if asked is None:
            return seconds
        return max(asked, seconds) if asked <= _LONGEST_PATIENCE_SECONDS else None

    def _attempt(self, file: tuple[str, bytes, str], fields: Mapping[str, Any]) -> Said | Refusal:
        """One request. Refusals are values: an exception that chained the client's would show what that shows."""
        model = fields["model"]
        try:
            content, content_type = call_unless_stopped(
                lambda given_up: self._post(file, fields, given_up),
                seconds=self._timing.answer_seconds,
                stop=self._stop,
            )
            said = read_answer(content, content_type)
        except openai.APIStatusError as error:
            response = error.response
            told = parse_error(response.status_code, response.headers, response.content).without(self._key)
            return to_refusal(told, host=self.host, model=model)
        except (openai.APITimeoutError, httpx2.TimeoutException, DeadlinePassed):
            return self._timed_out()
        except (openai.APIConnectionError, httpx2.HTTPError) as error:
            return self._unreachable(error)
        except AnswerUnreadable as error:
            return self._unreadable(str(error))
        if said.is_error:
            return to_refusal(parse_error(200, {}, content).without(self._key), host=self.host, model=model)
        return said

    def _post(
        self, file: tuple[str, bytes, str], fields: Mapping[str, Any], given_up: threading.Event
    ) -> tuple[bytes, str]:
        create = self._client.audio.transcriptions.with_streaming_response.create
        with create(file=file, **fields) as response:
            content = bytearray()
            for chunk in response.iter_bytes():
                content += chunk
                if given_up.is_set() or len(content) > _LARGEST_ANSWER_BYTES:
                    raise AnswerUnreadable("it does not end")
            return bytes(content), response.headers.get("content-type", "")

    def _timed_out(self) -> Refusal:
        seconds = self._timing.answer_seconds
        return Refusal(
            "timed_out", ServerGone(f"The speech server at {self.host} did not answer within {seconds:g} seconds.")
        )

    def _unreachable(self, error: Exception) -> Refusal:
        cause = f"{type(error).__name__}: {error.__cause__ or error}".replace(self._key, "…")
        return Refusal(
            "unreachable",
            ServerGone(
                f"The speech server at {self.host} can't be reached ({cause}). "
                "Check that it runs, the network, the proxy settings and OPENAI_BASE_URL."
            ),
        )

    def _unreadable(self, why: str) -> Refusal:
        return Refusal(
            "unreadable",
            PassingFault(
                f"An answer of the speech server at {self.host} can't be read: {why}. It is asked again later; "
                "if that does not help, check OPENAI_BASE_URL."
            ),
        )


def _check_key(api_key: str, base_url: str | None) -> str:
    """The key as it is sent. A server of one's own often wants none, and ignores the one that must be sent."""
    key = api_key.strip()
    if not key and is_openai(base_url):
        raise OperatorNeeded("The OpenAI API needs a key. Set OPENAI_API_KEY, or OPENAI_API_KEY_FILE to its file.")
    if not (key.isascii() and key.isprintable()):
        raise OperatorNeeded("OPENAI_API_KEY has characters that no key has: line breaks, or letters with accents.")
    return key or "none"


def _check_address(address: str) -> str:
    """The host of an address, with its port where one is named."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname if parts.scheme in {"http", "https"} else None, parts.port
    except ValueError:
        host, port = None, None
    if not host:
        raise OperatorNeeded("OPENAI_BASE_URL is no address of a web server. It looks like http://localhost:8000/v1.")
    return f"{host}:{port}" if port else host


def _path_mark(address: str) -> str:
    """What tells an address's path from the usual one: the beginning of its SHA-256, as a path may hold a key."""
    path = urlsplit(address).path.rstrip("/")
    return "" if path == _USUAL_PATH else f"#{sha256(path.encode()).hexdigest()[:_MARK_CHARACTERS]}"
