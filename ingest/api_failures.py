"""Failures of the YouTube Data API: an HTTP status and an error body go in, a fact with a sentence comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from trendscript.errors import NeedsAPerson, ServerUnreachable, TryAgainLater


class KeyMissing(NeedsAPerson):
    """Raised when a command needs a key and none is set."""

    def __init__(self) -> None:
        super().__init__(
            "The YouTube Data API needs a key. Set YOUTUBE_API_KEY, or YOUTUBE_API_KEY_FILE to a file that holds it. "
            "A key is free: https://console.cloud.google.com/apis/credentials"
        )


class KeyRefused(NeedsAPerson):
    """Raised when Google knows the key not, or doesn't let it use the YouTube Data API."""


class QuotaExceeded(TryAgainLater):
    """Raised when the day's quota of the key's project is used up."""


class ApiUnreachable(ServerUnreachable):
    """Raised when no connection to the API can be made, or it breaks, after several attempts."""


class ApiBusy(TryAgainLater):
    """Raised when the API still answers 5xx or "slow down" after several attempts."""


class AnswerUnreadable(TryAgainLater):
    """Raised when a body isn't what the API promises: not JSON, no object, pages that never end."""


class RequestRefused(TryAgainLater):
    """Raised when the API refuses one request for what it asks; other requests may still pass."""


class ChartNotFound(RequestRefused):
    """Raised when YouTube has no chart for a region or category."""


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """What an error body of a Google API says. Old bodies list `errors`, new ones add `details` and a `status`."""

    http_status: int
    reasons: frozenset[str]
    message: str

    def without(self, key: str) -> ErrorAnswer:
        """The same with "…" wherever it shows the key: Google's messages may name their caller by it."""
        reasons = frozenset(reason.replace(key, "…") for reason in self.reasons)
        return ErrorAnswer(self.http_status, reasons, self.message.replace(key, "…"))


_KEY_REASONS = frozenset(
    {
        "API_KEY_INVALID",
        "API_KEY_SERVICE_BLOCKED",
        "API_KEY_HTTP_REFERRER_BLOCKED",
        "API_KEY_IP_ADDRESS_BLOCKED",
        "API_KEY_EXPIRED",
        "SERVICE_DISABLED",
        "CONSUMER_INVALID",
        "CONSUMER_SUSPENDED",
        "accessNotConfigured",
        "authError",
        "ipRefererBlocked",
        "keyExpired",
        "keyInvalid",
        "required",
    }
)
_QUOTA_REASONS = frozenset({"quotaExceeded", "dailyLimitExceeded", "dailyLimitExceededUnreg"})
_SLOW_DOWN_REASONS = frozenset({"rateLimitExceeded", "userRateLimitExceeded"})
_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500
_UNAUTHORIZED = 401


def parse_error(http_status: int, content: bytes) -> ErrorAnswer:
    """Read an error body; one that isn't Google's (a proxy's page, nothing) has no reasons and no message."""
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        body = None
    error: Any = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return ErrorAnswer(http_status, frozenset(), "")
    entries = [entry for key in ("errors", "details") for entry in _entries(error.get(key))]
    reasons = {entry["reason"] for entry in entries if isinstance(entry.get("reason"), str)}
    message = error.get("message")
    return ErrorAnswer(http_status, frozenset(reasons), message if isinstance(message, str) else "")


def _entries(value: object) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def is_worth_repeating(answer: ErrorAnswer) -> bool:
    """True where the same request may pass a moment later. A spent quota is not: each attempt would cost a unit."""
    if answer.reasons & _QUOTA_REASONS:
        return False
    return answer.http_status >= _SERVER_ERROR or is_told_to_slow_down(answer)


def is_told_to_slow_down(answer: ErrorAnswer) -> bool:
    """True for 429 and for the 403 of a rate limit."""
    return answer.http_status == _TOO_MANY_REQUESTS or bool(answer.reasons & _SLOW_DOWN_REASONS)


def to_failure(
    answer: ErrorAnswer,
) -> ApiBusy | ChartNotFound | KeyRefused | QuotaExceeded | RequestRefused:
    """The fact behind an error answer that is not repeated (any more)."""
    said = _what_it_said(answer)
    if answer.reasons & _QUOTA_REASONS:
        return QuotaExceeded(
            f"The day's quota of the YouTube Data API is used up ({said}). "
            "What was read completely is kept; the quota is renewed at midnight Pacific time."
        )
    if "videoChartNotFound" in answer.reasons:
        return ChartNotFound(f"YouTube has no such chart ({said}).")
    if is_worth_repeating(answer):
        return ApiBusy(f"The YouTube Data API did not answer in several attempts ({said}). Try again later.")
    if answer.http_status == _UNAUTHORIZED or answer.reasons & _KEY_REASONS or _speaks_of_the_key(answer.message):
        return KeyRefused(
            f"The YouTube Data API refuses the key ({said}). Check YOUTUBE_API_KEY, that the YouTube Data API v3 is "
            "enabled in the key's project, and the key's restrictions."
        )
    return RequestRefused(f"The YouTube Data API refuses the request ({said}).")


def _speaks_of_the_key(message: str) -> bool:
    return "api key" in message.lower()


def _what_it_said(answer: ErrorAnswer) -> str:
    reasons = ", ".join(sorted(answer.reasons))
    return ": ".join(part for part in (f"HTTP {answer.http_status}", reasons, answer.message.strip()) if part)
