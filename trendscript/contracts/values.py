"""Values: what JSON gave goes in, what the column's type wants comes out, or a fault from the closed list.

Nothing is guessed: an integer is `12` or `"12"`, a time has an offset, a boolean is JSON's own.
Timestamps leave as microseconds since 1970-01-01 UTC, dates as `datetime.date`, jsonb as JSON text
with sorted keys, so that equal values are equal bytes.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import isodate
import orjson

from trendscript.contracts.model import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from trendscript.contracts.model import Column

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,24})\Z")
_LONG_INTEGER = re.compile(r"-?[1-9][0-9]{25,}\Z")
_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ](?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?"
    r"(?:[Zz]|[+-][0-9]{2}:[0-9]{2})\Z"
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_DURATION = re.compile(
    r"P(?=.)(?:\d{1,6}W)?(?:\d{1,6}D)?(?:T(?=.)(?:\d{1,9}H)?(?:\d{1,9}M)?(?:\d{1,9}(?:\.\d{1,9})?S)?)?\Z",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
LATEST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)

BOUNDS = {"bigint": 2**63, "integer": 2**31, "smallint": 2**15}


class Fault(Exception):
    """Raised when a value isn't acceptable; `code` is one of the closed list of reasons."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def converter(column: Column) -> Callable[[Any], Any]:
    """Build the function that turns a JSON value, not None, into the column's value or raises Fault."""
    if column.transform:
        return _TRANSFORMS[column.transform](column)
    return _CONVERTERS[column.logical_type](column)


def _text(column: Column) -> Callable[[Any], str]:
    limits = column.limits
    matches = text_matcher(limits)
    shortest, longest, allowed = limits.min_length or 0, limits.max_length, frozenset(limits.enum)

    def convert(value: Any) -> str:
        text = to_text(value)
        if longest is not None and len(text) > longest:
            raise Fault("too_long")
        if matches and not matches(text):
            raise Fault("pattern")
        if shortest and len(text) < shortest:
            raise Fault("out_of_range")
        if allowed and text not in allowed:
            raise Fault("not_in_enum")
        return text

    return convert if limits != Limits() else to_text


def text_matcher(limits: Limits) -> Callable[[str], object] | None:
    """The function that gives something for a text of the limits' pattern; None where there is none."""
    return re.compile(limits.pattern).fullmatch if limits.pattern else None


def to_text(value: Any) -> str:
    """A JSON string without U+0000, which Postgres can't store. Raises Fault."""
    if type(value) is not str:
        raise Fault("wrong_type")
    if "\0" in value:
        raise Fault("nul_character")
    return value


def _integer(column: Column) -> Callable[[Any], int]:
    return _within(column, to_integer)


def _within(column: Column, read: Callable[[Any], int]) -> Callable[[Any], int]:
    """`read`, and the bounds of the column's type and limits."""
    lowest, highest = bounds(column)

    def convert(value: Any) -> int:
        number = read(value)
        if not lowest <= number <= highest:
            raise Fault("out_of_range")
        return number

    return convert


def bounds(column: Column) -> tuple[int, int]:
    """The least and the greatest integer that the column takes."""
    bound = BOUNDS[column.physical_type]
    lowest = max(-bound, -bound if column.limits.minimum is None else int(column.limits.minimum))
    return lowest, min(bound - 1, bound - 1 if column.limits.maximum is None else int(column.limits.maximum))


def to_integer(value: Any) -> int:
    """A JSON integer, or a string that is one. Raises Fault.

    The decoder gives integers past 64 bits as floats: those are out of range, other floats no integers.
    """
    kind = type(value)
    if kind is int:
        return value  # type: ignore[no-any-return]  # mypy doesn't see that `kind is int` narrows it
    if kind is str:
        if _INTEGER.match(value):
            return int(value)
        raise Fault("out_of_range" if _LONG_INTEGER.match(value) else "wrong_type")
    if kind is float and abs(value) >= 2**63 and value.is_integer():
        raise Fault("out_of_range")
    raise Fault("wrong_type")


def _number(column: Column) -> Callable[[Any], float]:
    lowest, highest = column.limits.minimum, column.limits.maximum

    def convert(value: Any) -> float:
        if type(value) not in (int, float):
            raise Fault("wrong_type")
        if (lowest is not None and value < lowest) or (highest is not None and value > highest):
            raise Fault("out_of_range")
        return float(value)

    return convert


def _boolean(_: Column) -> Callable[[Any], bool]:
    return to_boolean


def to_boolean(value: Any) -> bool:
    """JSON's true or false. Raises Fault."""
    if type(value) is not bool:
        raise Fault("wrong_type")
    return value


def _timestamp(_: Column) -> Callable[[Any], int]:
    return to_microseconds


def to_microseconds(value: Any) -> int:
    """An RFC 3339 time with an offset, as microseconds since 1970 UTC. Raises Fault.

    Fractions past microseconds, which Postgres can't keep, are cut off.
    """
    if type(value) is not str:
        raise Fault("wrong_type")
    return _microseconds(value)


@lru_cache(maxsize=65536)
def _microseconds(text: str) -> int:
    if not _TIMESTAMP.match(text):
        raise Fault("bad_timestamp")
    try:
        since = datetime.fromisoformat(text.upper()) - _EPOCH
    except ValueError as error:
        raise Fault("bad_timestamp") from error
    microseconds = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    # An offset can lead out of the years that Python, and so a reader of ours, knows.
    if not EARLIEST <= microseconds <= LATEST:
        raise Fault("bad_timestamp")
    return microseconds


def _date(_: Column) -> Callable[[Any], date]:
    return to_date


def to_date(value: Any) -> date:
    """A calendar date, YYYY-MM-DD. Raises Fault."""
    if type(value) is not str:
        raise Fault("wrong_type")
    if not _DATE.match(value):
        raise Fault("bad_timestamp")
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise Fault("bad_timestamp") from error


def _array(column: Column) -> Callable[[Any], list[str]]:
    longest = column.limits.max_length

    def convert(value: Any) -> list[str]:
        if type(value) is not list:
            raise Fault("wrong_type")
        if longest is not None and len(value) > longest:
            raise Fault("too_long")
        return [to_text(element) for element in value]

    return convert


def _object(_: Column) -> Callable[[Any], str]:
    return to_json


def to_json(value: Any) -> str:
    """Any JSON value as text with sorted keys, without U+0000 in it. Raises Fault."""
    try:
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except orjson.JSONEncodeError as error:
        raise Fault("too_deep") from error  # the decoder goes down 1024 levels, the encoder 254
    if "\\u0000" in text and _holds_nul(value):
        raise Fault("nul_character")
    return text


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, list):
        return any(_holds_nul(element) for element in value)
    return isinstance(value, dict) and any(_holds_nul(part) for pair in value.items() for part in pair)


def _iso8601_seconds(column: Column) -> Callable[[Any], int]:
    return _within(column, to_seconds)


def to_seconds(value: Any) -> int:
    """An ISO 8601 duration of weeks, days, hours, minutes, seconds, as whole seconds. Raises Fault.

    Months and years have no fixed length and are refused. A live stream's `P0D` is 0.
    """
    if type(value) is not str:
        raise Fault("wrong_type")
    return _seconds(value)


@lru_cache(maxsize=65536)
def _seconds(text: str) -> int:
    if not _DURATION.match(text):
        raise Fault("pattern")
    try:
        return int(isodate.parse_duration(text).total_seconds())
    except (isodate.ISO8601Error, OverflowError) as error:
        raise Fault("pattern") from error


def _boolean_text(_: Column) -> Callable[[Any], bool]:
    return to_boolean_of_text


def to_boolean_of_text(value: Any) -> bool:
    """The strings "true" and "false", as YouTube gives them for captions. Raises Fault."""
    if value == "true":
        return True
    if value == "false":
        return False
    raise Fault("wrong_type")


_CONVERTERS: dict[str, Callable[[Column], Callable[[Any], Any]]] = {
    "string": _text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "timestamp": _timestamp,
    "date": _date,
    "array": _array,
    "object": _object,
}
_TRANSFORMS: dict[str, Callable[[Column], Callable[[Any], Any]]] = {
    "iso8601_seconds": _iso8601_seconds,
    "boolean_text": _boolean_text,
    "json": _object,
}
