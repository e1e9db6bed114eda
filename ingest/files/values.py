"""Text of a cell goes in, its value comes out: None where it is absent, RowRefused where it is not certain.

Absent is an empty cell or a word that tools write for it (`nan`, `NULL`, …).
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from ingest.files.entries import RowRefused

if TYPE_CHECKING:
    from datetime import tzinfo

_ABSENT = frozenset({"", "nan", "NaN", "NAN", "null", "NULL", "Null", "None", "NONE", "NA", "N/A", "n/a", "<NA>"})
_GROUPED = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+")
_WHOLE_FRACTION = re.compile(r"([0-9]+)\.0*")
_SCIENTIFIC = re.compile(r"([0-9])(?:\.([0-9]+))?[eE]\+?([0-9]{1,2})")
_VIDEO_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_THUMBNAIL_ID = re.compile(r"ytimg\.com/vi(?:_webp)?/([A-Za-z0-9_-]{11})/")
_RFC3339_UTC = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?Z")
_ISO_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ]00:00(?::00(?:\.0+)?)?)?")
_ISO_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)? ?(?:Z|[+-][0-9:]+)?"
)
_YEAR_DAY_MONTH = re.compile(r"([0-9]{2})\.([0-9]{2})\.([0-9]{2})")
_FLAGS = {"true": True, "false": False, "1": True, "0": False}
_SHOWN = 60


def is_absent(text: str) -> bool:
    """Whether the cell holds nothing, or a word that stands for nothing."""
    return text.strip() in _ABSENT


def shown(text: str) -> str:
    """The cell as a message may quote it: short, and with nothing that moves a terminal's cursor."""
    return ascii(text) if len(text) <= _SHOWN else ascii(text[:_SHOWN]) + "…"


def parse_count(text: str) -> str | None:
    """A count as plain digits, which is how the API writes it.

    Certain, and converted: `12`, `1,234`, `12.0`, `1.25E+2`, where the digits given reach the ones.
    Not certain: `1.2E+06`, which a spreadsheet rounded; `1.234`; a minus.
    """
    if text.isdecimal() and text.isascii():
        return text if text[0] != "0" or text == "0" else str(int(text))
    if is_absent(text):
        return None
    return _parse_odd_count(text.strip())


def _parse_odd_count(text: str) -> str:
    if text.isdecimal() and text.isascii():
        return str(int(text))
    if _GROUPED.fullmatch(text):
        return str(int(text.replace(",", "")))
    if whole := _WHOLE_FRACTION.fullmatch(text):
        return str(int(whole[1]))
    if parts := _SCIENTIFIC.fullmatch(text):
        digits, power = parts[2] or "", int(parts[3])
        kept = digits.rstrip("0")
        # With fewer digits than the power, the last ones were rounded away, or may have been.
        if len(kept) <= power <= len(digits):
            return parts[1] + digits[:power]
    raise RowRefused("bad_count", f"{shown(text)} is not certain to be one whole number")


def parse_flag(text: str) -> bool | None:
    """True or false in any case, as spreadsheets and programs write it."""
    if text == "False":
        return False
    flag = _FLAGS.get(text.strip().lower())
    if flag is None and not is_absent(text):
        raise RowRefused("bad_flag", f"{shown(text)} is neither true nor false")
    return flag


def parse_video_id(text: str, thumbnail: str) -> str:
    """The video's id; where a spreadsheet destroyed it, the one in the address of its picture.

    An id that begins with `-` becomes `#NAME?` in Excel. YouTube serves a video's picture under the
    video's own id, so the address says the id with certainty.
    """
    if _VIDEO_ID.fullmatch(text):
        return text
    if _VIDEO_ID.fullmatch(text.strip()):
        return text.strip()
    if found := _THUMBNAIL_ID.search(thumbnail):
        return found[1]
    raise RowRefused("bad_id", f"{shown(text)} is not a video id, and no picture's address tells it")


def parse_instant(text: str, zone: tzinfo | None) -> datetime:
    """An ISO 8601 date and time as an instant in UTC; `zone` is that of times without an offset."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or not _ISO_TIME.fullmatch(text):
        raise RowRefused("bad_time", f"{shown(text)} is not a time whose meaning is certain")
    if instant.tzinfo is None:
        if zone is None:
            raise RowRefused(
                "time_without_zone", f"{shown(text)} does not say its time zone; --time-zone can, as in --time-zone UTC"
            )
        instant = instant.replace(tzinfo=zone)
    return _to_utc(instant, text)


def parse_chart_day(text: str, zone: tzinfo | None) -> datetime:
    """A `trending_date`: yy.dd.mm, an ISO day, or an ISO time. A day is its midnight in UTC.

    The publisher of the 2020 layout writes its days as `2020-08-12T00:00:00Z`, so a day of the
    older layout means the same instant.
    """
    text = text.strip()
    if parts := _YEAR_DAY_MONTH.fullmatch(text):
        return to_day(2000 + int(parts[1]), int(parts[3]), int(parts[2]), text)
    if parts := _ISO_DAY.fullmatch(text):
        return to_day(int(parts[1]), int(parts[2]), int(parts[3]), text)
    return parse_instant(text, zone)


def to_day(year: int, month: int, day: int, text: str) -> datetime:
    """Midnight of the day in UTC; `text` is what the file says, for the refusal."""
    try:
        found = date(year, month, day)
    except ValueError:
        raise RowRefused("bad_time", f"{shown(text)} is not a day of the calendar") from None
    return datetime(found.year, found.month, found.day, tzinfo=UTC)


def to_time_text(text: str, zone: tzinfo | None) -> str | None:
    """A time as RFC 3339 in UTC; one that is already so stays letter for letter."""
    if _RFC3339_UTC.fullmatch(text):
        return text
    return None if is_absent(text) else to_rfc3339(parse_instant(text.strip(), zone))


def to_rfc3339(instant: datetime) -> str:
    """The instant, which must be in UTC, with `Z`, and microseconds where it has any."""
    return instant.isoformat()[:-6] + "Z"


def _to_utc(instant: datetime, text: str) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise RowRefused("bad_time", f"{shown(text)} lies outside the years 1 to 9999") from None
