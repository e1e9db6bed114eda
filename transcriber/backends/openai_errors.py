"""Error answers of an OpenAI-like API: a status, headers and a body in any shape go in, what they say comes out."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

NO_MONEY = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "insufficient_balance"})
"""Codes, or types, that say that nothing is left on the account."""

_LONGEST = 300
_LONGEST_WAIT_SECONDS = 86_400.0

_TRY_AGAIN_IN = re.compile(r"try again in ((?:\d+(?:\.\d+)?(?:ms|[hms])\s*)+)", re.IGNORECASE)
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[hms])", re.IGNORECASE)
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """What an error answer says. Servers differ in where they say it; what is not said is empty.

    `retry_after` is in seconds. `is_json` is False for a page or plain text: that may be a proxy's, or any server's.
    """

    status: int
    code: str = ""
    param: str = ""
    message: str = ""
    retry_after: float | None = None
    is_json: bool = True

    def without(self, key: str) -> ErrorAnswer:
        """The same with "…" wherever it repeats the key, and no longer than a sentence or two."""
        code, param, message = (said.replace(key, "…")[:_LONGEST] for said in (self.code, self.param, self.message))
        return replace(self, code=code, param=param, message=message)


def parse_error(status: int, headers: Mapping[str, str], content: bytes) -> ErrorAnswer:
    """Read an error in the shapes of OpenAI, vLLM, FastAPI and whisper.cpp, or plain text; a web page says nothing."""
    is_json = True
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        body, is_json = _plain_text(content), False
    said = body.get("error", body) if isinstance(body, dict) else body
    fields: dict[str, Any] = said if isinstance(said, dict) else {"message": said}
    message = _text(fields.get("message") or fields.get("detail") or (body if isinstance(body, str) else ""))
    code = _text(fields.get("code")) or _text(fields.get("type"))
    if _text(fields.get("type")) in NO_MONEY:
        code = _text(fields.get("type"))
    param = _text(fields.get("param")) or _refused_field(fields.get("detail"))
    return ErrorAnswer(status, code, param, message, _retry_after(headers, message), is_json)


def _plain_text(content: bytes) -> str:
    text = content.decode("utf-8", "replace").strip()
    return "" if text.startswith("<") else text


def _text(value: object) -> str:
    if isinstance(value, list):  # FastAPI lists what it does not accept
        return "; ".join(f"{item.get('loc')}: {item.get('msg')}" for item in value if isinstance(item, dict))
    return " ".join(str(value).split()) if isinstance(value, str | int) else ""


def _refused_field(detail: object) -> str:
    """The form's field that FastAPI does not accept, the last name of the first `loc`."""
    first = detail[0] if isinstance(detail, list) and detail else None
    place = first.get("loc") if isinstance(first, dict) else None
    return _text(place[-1]) if isinstance(place, list) and place else ""


def _retry_after(headers: Mapping[str, str], message: str) -> float | None:
    """Seconds to wait, by the first that says so: `retry-after-ms`, `retry-after` as a number or a date, the text."""
    given = headers.get("retry-after", "")
    asked = (_number(headers.get("retry-after-ms", ""), 0.001), _number(given, 1.0), _until(given), _from_text(message))
    seconds = next((found for found in asked if found is not None), None)
    return None if seconds is None else min(max(seconds, 0.0), _LONGEST_WAIT_SECONDS)


def _number(text: str, unit: float) -> float | None:
    try:
        number = float(text) * unit
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _until(text: str) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()


def _from_text(message: str) -> float | None:
    found = _TRY_AGAIN_IN.search(message)
    return sum(float(number) * _SECONDS[unit.lower()] for number, unit in _PART.findall(found[1])) if found else None
