"""What messages are made of: values and times go in, the bytes and text that an envelope carries come out. Pure."""

from __future__ import annotations

import json
from datetime import UTC
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from datetime import datetime


def to_json(value: object) -> bytes:
    """Compact JSON in UTF-8.

    A lone surrogate or an integer past 64 bits goes out escaped or in full, as it came, where
    orjson would refuse the whole record: judging it is the loader's part.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":")).encode("ascii")


def to_timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with a Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
