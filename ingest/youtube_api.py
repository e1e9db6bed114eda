"""The YouTube Data API v3: a resource and its parameters go in, decoded pages come out, every request counted."""

from __future__ import annotations

import http.client
import logging
import random
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httplib2
import structlog
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

from ingest.api_failures import (
    AnswerUnreadable,
    ApiUnreachable,
    KeyMissing,
    KeyRefused,
    QuotaExceeded,
    is_worth_repeating,
    parse_error,
    to_failure,
)
from trendscript.errors import NeedsAPerson, TrendscriptError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.quota import QuotaLedger
    from trendscript.settings import Settings

_log = structlog.get_logger(__name__)

ATTEMPTS = 5
_LONGEST_WAIT_SECONDS = 30.0
_TIMEOUT_SECONDS = 60
_THIS_MACHINE = ("127.0.0.1", "localhost", "::1")


class EndpointRefused(NeedsAPerson):
    """Raised when YOUTUBE_API_ENDPOINT is not an address of a web server."""


@dataclass(frozen=True, slots=True)
class _Failed:
    """How one attempt failed, and whether another may pass."""

    failure: TrendscriptError
    may_pass_later: bool


class _CountedHttp(httplib2.Http):  # type: ignore[misc]  # httplib2 publishes no types
    """Charges every request as it goes out on the wire: httplib2 repeats one by itself when a connection was stale."""

    def __init__(self, ledger: QuotaLedger, endpoint: str | None) -> None:
        # With a proxy in the environment httplib2 asks for its proxy library even where NO_PROXY has the host.
        is_here = endpoint is not None and urlsplit(endpoint).hostname in _THIS_MACHINE
        proxy = None if is_here else httplib2.proxy_info_from_environment
        super().__init__(timeout=_TIMEOUT_SECONDS, proxy_info=proxy)
        self._connections = {
            "http": _counted(httplib2.HTTPConnectionWithTimeout, ledger),
            "https": _counted(httplib2.HTTPSConnectionWithTimeout, ledger),
        }

    def request(self, uri: str, *arguments: Any, **options: Any) -> Any:
        options["connection_type"] = self._connections[uri.partition(":")[0].lower()]
        return super().request(uri, *arguments, **options)


def _counted(connection_type: type[Any], ledger: QuotaLedger) -> type[Any]:
    class _Counted(connection_type):  # type: ignore[misc]  # httplib2 publishes no types
        def request(self, *arguments: Any, **options: Any) -> None:
            ledger.spend()
            super().request(*arguments, **options)

    return _Counted


class YouTubeApi:
    """Reads lists page by page. Threads may share it: each gets a connection of its own, as httplib2 needs.

    5xx answers, 429, rate limits and broken connections are tried again with exponential back-off.
    The key is in no exception and no log line.
    """

    def __init__(
        self, key: str, ledger: QuotaLedger, *, endpoint: str | None = None, retry_seconds: float = 1.0
    ) -> None:
        if endpoint is not None and not endpoint.startswith(("http://", "https://")):
            raise EndpointRefused(f"YOUTUBE_API_ENDPOINT is {endpoint!r}; it must start with http:// or https://.")
        self.ledger = ledger
        self._key = key
        self._endpoint = endpoint
        self._retry_seconds = retry_seconds
        self._of_thread = threading.local()
        # The client warns of every 403; our own events and errors say it with more, and without the address.
        logging.getLogger("googleapiclient").addHandler(logging.NullHandler())

    def read_pages(self, resource: str, **parameters: str | int) -> Iterator[dict[str, Any]]:
        """Yield the pages of `resource`.list (as `videos`) until one names no next page.

        Raises UnitsSpent, QuotaExceeded, KeyRefused, ChartNotFound, RequestRefused, ApiBusy,
        ApiUnreachable or AnswerUnreadable.
        """
        collection = getattr(self._service(), resource)()
        request = collection.list(**parameters)
        tokens: set[str] = set()
        while request is not None:
            page = self._execute(request, resource)
            yield page
            token = page.get("nextPageToken")
            if not token or not hasattr(collection, "list_next"):
                return
            if token in tokens:
                raise AnswerUnreadable(f"The pages of {resource} never end: one is named twice as the next. Try again.")
            tokens.add(token)
            request = collection.list_next(request, page)

    def read_items(self, resource: str, **parameters: str | int) -> list[Any]:
        """All items of all pages, as they came; an item need not be an object. Raises what `read_pages` raises."""
        items: list[Any] = []
        for page in self.read_pages(resource, **parameters):
            found = page.get("items") or []
            if not isinstance(found, list):
                raise AnswerUnreadable(f"A page of {resource} has items that are no list. Try again later.")
            items.extend(found)
        return items

    def _service(self) -> Any:
        if not hasattr(self._of_thread, "service"):
            self._of_thread.service = build(
                "youtube",
                "v3",
                developerKey=self._key,
                http=_CountedHttp(self.ledger, self._endpoint),
                cache_discovery=False,
                client_options={"api_endpoint": self._endpoint} if self._endpoint else None,
            )
        return self._of_thread.service

    def _execute(self, request: Any, resource: str) -> dict[str, Any]:
        for attempt in range(1, ATTEMPTS + 1):
            answer = self._attempt(request, resource)
            if isinstance(answer, dict):
                return answer
            if attempt == ATTEMPTS or not answer.may_pass_later:
                raise answer.failure  # outside of any handler: a chained HttpError would show the key
            self._wait(attempt, resource, answer.failure)
        raise AssertionError  # the last attempt returned or raised

    def _attempt(self, request: Any, resource: str) -> dict[str, Any] | _Failed:
        try:
            page = request.execute()
        except HttpError as error:
            answer = parse_error(error.status_code, error.content).without(self._key)
            failure = to_failure(answer)
            if isinstance(failure, (KeyRefused, QuotaExceeded)):
                self.ledger.close(failure)
            return _Failed(failure, is_worth_repeating(answer))
        except (OSError, http.client.HTTPException, httplib2.HttpLib2Error) as error:
            return _Failed(self._unreachable(error), may_pass_later=True)
        except (ValueError, RecursionError):
            page = None
        if isinstance(page, dict):
            return page
        # A proxy's page, a body that was cut off.
        unreadable = AnswerUnreadable(f"The answer for {resource} is no JSON object. Try again later.")
        return _Failed(unreadable, may_pass_later=True)

    def _wait(self, attempt: int, resource: str, failure: TrendscriptError) -> None:
        longest = min(_LONGEST_WAIT_SECONDS, self._retry_seconds * 2 ** (attempt - 1))
        seconds = longest * random.uniform(0.5, 1.0)  # noqa: S311  (spreads attempts, guards no secret)
        cause = type(failure).__name__
        _log.warning("api_request_repeated", resource=resource, cause=cause, attempt=attempt, seconds=round(seconds, 2))
        time.sleep(seconds)

    def _unreachable(self, error: Exception) -> ApiUnreachable:
        host = self._endpoint or "https://youtube.googleapis.com"
        cause = f"{type(error).__name__}: {error}".replace(self._key, "…")
        return ApiUnreachable(
            f"The YouTube Data API at {host} can't be reached ({cause}). "
            "Check the network, the proxy settings and YOUTUBE_API_ENDPOINT."
        )


def connect_api(settings: Settings, ledger: QuotaLedger) -> YouTubeApi:
    """The API that the settings name. Raises KeyMissing."""
    key = settings.youtube_api_key.get_secret_value().strip() if settings.youtube_api_key else ""
    if not key:
        raise KeyMissing
    return YouTubeApi(key, ledger, endpoint=settings.youtube_api_endpoint, retry_seconds=settings.youtube_retry_seconds)
