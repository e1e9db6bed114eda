"""The answers of the stand-in API: a request and what there is to know go in, the API's body comes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST_A_PAGE = 50
_DEFAULT_A_PAGE = 5


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request as it arrived: the resource (`videos`) and its parameters, the key left out."""

    resource: str
    parameters: Mapping[str, str]
    key: str | None

    def get(self, name: str) -> str | None:
        """A parameter, None where it wasn't sent."""
        return self.parameters.get(name)


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """An answer: its status and its body, which need not be JSON."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class LoopbackData:
    """What the server knows. It may be changed while the server runs; the next request sees it.

    `charts` holds a chart's items by region and category ('0' is the whole chart). `chart_bodies`, which goes
    first, holds the bodies of a chart's pages just as they are to be sent; a page's `nextPageToken` leads to
    the following body.
    """

    charts: dict[tuple[str, str], list[Any]] = field(default_factory=dict)
    chart_bodies: dict[tuple[str, str], list[bytes]] = field(default_factory=dict)
    videos: dict[str, Any] = field(default_factory=dict)
    channels: dict[str, Any] = field(default_factory=dict)
    categories: dict[str, list[Any]] = field(default_factory=dict)
    regions: list[str] = field(default_factory=list)


def answer_from(data: LoopbackData, request: ApiRequest) -> ApiAnswer:
    """The API's answer to a request that nothing stands in the way of. Pure."""
    if request.resource == "videos" and request.get("id") is not None:
        return _by_id("videoListResponse", data.videos, request)
    if request.resource == "videos" and request.get("chart") == "mostPopular":
        return _chart_page(data, request)
    if request.resource == "channels":
        return _by_id("channelListResponse", data.channels, request)
    if request.resource == "videoCategories":
        items = data.categories.get(request.get("regionCode") or "", [])
        return _ok({"kind": "youtube#videoCategoryListResponse", "items": items})
    if request.resource == "i18nRegions":
        items = [{"kind": "youtube#i18nRegion", "id": code, "snippet": {"gl": code}} for code in data.regions]
        return _ok({"kind": "youtube#i18nRegionListResponse", "items": items})
    return error_answer(400, "missingRequiredParameter", "No filter selected.")


def error_answer(status: int, reason: str, message: str, *, domain: str = "youtube.parameter") -> ApiAnswer:
    """An error body in the API's shape, as recorded from it."""
    entry = {"message": message, "domain": domain, "reason": reason}
    return ApiAnswer(status, orjson.dumps({"error": {"code": status, "message": message, "errors": [entry]}}))


def quota_exceeded() -> ApiAnswer:
    """The answer once the day's quota is used up."""
    message = (
        'The request cannot be completed because you have exceeded your <a href="/youtube/v3/getting-started#quota">'
        "quota</a>."
    )
    return error_answer(403, "quotaExceeded", message, domain="youtube.quota")


def chart_not_found(status: int = 400) -> ApiAnswer:
    """The answer for a chart that YouTube doesn't have: documented as 400, seen as 404."""
    return error_answer(
        status, "videoChartNotFound", "The requested video chart is not supported or is not available.",
        domain="youtube.video",
    )  # fmt: skip


def rate_limited() -> ApiAnswer:
    """The answer to too many requests at once."""
    return error_answer(403, "rateLimitExceeded", "Rate Limit Exceeded", domain="usageLimits")


def backend_error(status: int = 503) -> ApiAnswer:
    """The answer of a server in trouble."""
    return error_answer(status, "backendError", "Backend Error", domain="global")


def bad_key() -> ApiAnswer:
    """The answer to a key that Google doesn't know."""
    message = "API key not valid. Please pass a valid API key."
    error = {
        "code": 400,
        "message": message,
        "errors": [{"message": message, "domain": "global", "reason": "badRequest"}],
        "status": "INVALID_ARGUMENT",
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "API_KEY_INVALID",
                "domain": "googleapis.com",
                "metadata": {"service": "youtube.googleapis.com"},
            }
        ],
    }
    return ApiAnswer(400, orjson.dumps({"error": error}))


def _chart_page(data: LoopbackData, request: ApiRequest) -> ApiAnswer:
    chart = (request.get("regionCode") or "US", request.get("videoCategoryId") or "0")
    bodies = data.chart_bodies.get(chart)
    if bodies is not None:
        return ApiAnswer(200, _body_for_token(bodies, request.get("pageToken")))
    items = data.charts.get(chart)
    if items is None:
        return chart_not_found()
    return _page("videoListResponse", items, request)


def _body_for_token(bodies: list[bytes], token: str | None) -> bytes:
    if token is None:
        return bodies[0]
    tokens = [_next_page_token(body) for body in bodies]
    following = tokens.index(token) + 1 if token in tokens else len(bodies)
    return bodies[following] if following < len(bodies) else b'{"kind":"youtube#videoListResponse","items":[]}'


def _next_page_token(body: bytes) -> str | None:
    try:
        return str(orjson.loads(body)["nextPageToken"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None


def _page(kind: str, items: list[Any], request: ApiRequest) -> ApiAnswer:
    size = min(int(request.get("maxResults") or _DEFAULT_A_PAGE), _MOST_A_PAGE)
    start = int(request.get("pageToken") or 0)
    page: dict[str, Any] = {
        "kind": f"youtube#{kind}",
        "etag": f"etag-{start}-{len(items)}",
        "items": items[start : start + size],
        "pageInfo": {"totalResults": len(items), "resultsPerPage": size},
    }
    if start + size < len(items):
        page["nextPageToken"] = str(start + size)
    return _ok(page)


def _by_id(kind: str, known: Mapping[str, Any], request: ApiRequest) -> ApiAnswer:
    ids = (request.get("id") or "").split(",")
    if len(ids) > _MOST_A_PAGE:
        return error_answer(400, "invalidFilters", "The request specifies too many ids.")
    items = [known[item_id] for item_id in ids if item_id in known]
    return _ok({"kind": f"youtube#{kind}", "items": items, "pageInfo": {"totalResults": len(items)}})


def _ok(body: dict[str, Any]) -> ApiAnswer:
    return ApiAnswer(200, orjson.dumps(body))
