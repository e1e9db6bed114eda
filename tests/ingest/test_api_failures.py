"""Error bodies of Google's APIs, old and new, and what they mean here."""

from __future__ import annotations

import pytest

from ingest.api_failures import (
    ApiBusy,
    ChartNotFound,
    KeyRefused,
    QuotaExceeded,
    RequestRefused,
    is_worth_repeating,
    parse_error,
    to_failure,
)
from ingest.loopback_answers import ApiAnswer, backend_error, bad_key, chart_not_found, error_answer, quota_exceeded
from tests.ingest.building import consumer_suspended

OLD_QUOTA = (
    b'{"error":{"errors":[{"domain":"youtube.quota","reason":"quotaExceeded","message":"The request cannot be '
    b'completed because you have exceeded your quota."}],"code":403,"message":"The request cannot be completed."}}'
)
NOT_ENABLED = (
    b'{"error":{"code":403,"message":"YouTube Data API v3 has not been used in project 1 before or it is disabled.",'
    b'"errors":[{"message":"m","domain":"usageLimits","reason":"accessNotConfigured"}],"status":"PERMISSION_DENIED"}}'
)
REFERRER = (
    b'{"error":{"code":403,"message":"Requests from referer <empty> are blocked.","status":"PERMISSION_DENIED",'
    b'"details":[{"@type":"t","reason":"API_KEY_HTTP_REFERRER_BLOCKED"}]}}'
)


@pytest.mark.parametrize(
    ("answer", "fact", "repeated"),
    [
        (quota_exceeded(), QuotaExceeded, False),
        (ApiAnswer(403, OLD_QUOTA), QuotaExceeded, False),
        (error_answer(429, "quotaExceeded", "Quota exceeded for quota metric 'Queries'"), QuotaExceeded, False),
        (chart_not_found(400), ChartNotFound, False),
        (chart_not_found(404), ChartNotFound, False),
        (bad_key(), KeyRefused, False),
        (ApiAnswer(403, NOT_ENABLED), KeyRefused, False),
        (ApiAnswer(403, REFERRER), KeyRefused, False),
        (ApiAnswer(401, b""), KeyRefused, False),
        (error_answer(403, "forbidden", "The request is missing a valid API key."), KeyRefused, False),
        (error_answer(400, "invalidRegionCode", "Invalid region code."), RequestRefused, False),
        (ApiAnswer(404, b"<html>Not Found</html>"), RequestRefused, False),
        (error_answer(403, "rateLimitExceeded", "Slow down"), ApiBusy, True),
        (error_answer(403, "userRateLimitExceeded", "Slow down"), ApiBusy, True),
        (ApiAnswer(429, b""), ApiBusy, True),
        (backend_error(500), ApiBusy, True),
        (ApiAnswer(502, b"\xff\xfe not text"), ApiBusy, True),
    ],
)
def test_what_an_answer_means(answer: ApiAnswer, fact: type[Exception], *, repeated: bool) -> None:
    """Each answer is one fact, and only those that may pass a moment later are asked for again."""
    parsed = parse_error(answer.status, answer.body)
    assert type(to_failure(parsed)) is fact
    assert is_worth_repeating(parsed) is repeated


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b'"x"', b'{"error":"text"}', b'{"error":{"errors":{"reason":1},"details":[1],"message":[]}}'],
)
def test_a_body_of_any_shape_is_read(body: bytes) -> None:
    """A body that is none of Google's gives no reasons, and no exception."""
    parsed = parse_error(400, body)
    assert (parsed.reasons, parsed.message) == (frozenset(), "")


def test_the_sentence_says_what_google_said() -> None:
    """Status, reason and Google's own message are in the text."""
    failure = to_failure(parse_error(400, error_answer(400, "invalidRegionCode", "Invalid region code.").body))
    assert "HTTP 400: invalidRegionCode: Invalid region code." in str(failure)


def test_a_key_that_google_names_is_not_shown() -> None:
    """A suspended caller is named by its key; the sentence has the rest of Google's words."""
    answer = consumer_suspended("AIza-not-to-be-seen")
    failure = to_failure(parse_error(answer.status, answer.body).without("AIza-not-to-be-seen"))
    assert isinstance(failure, KeyRefused)
    assert "CONSUMER_SUSPENDED: Permission denied: Consumer 'api_key:…' has been suspended." in str(failure)
