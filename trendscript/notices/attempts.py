"""Attempts: how long nobody has taken a notice goes in, when to try again comes out, so that none arrives every minute.

A service with several receivers may say no when only one of them refuses, and a slow one after it was given up: the
others then get the same notice again each time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from trendscript.notices.memory import Memory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trendscript.notices.news import Key

UNSENT: Key = ("failure", "", "NoticeNotSent")
"""The memory of attempts: since when nobody takes a notice, and when it was tried last."""

_LONGEST = timedelta(hours=1)


def find_next_try(memories: Mapping[Key, Memory], now: datetime) -> datetime | None:
    """The moment to wait for, in UTC; None after a first failure. After others, twice as long, up to an hour."""
    last = memories.get(UNSENT)
    if last is None or last.told_at is None:
        return None
    next_try = last.told_at + min(last.told_at - last.since, _LONGEST)
    return next_try.astimezone(UTC) if next_try > now else None


def note_unsent(memories: Mapping[Key, Memory], now: datetime) -> dict[Key, Memory]:
    """What is to be remembered when nobody takes the notice. A failure long after the last one is a first one."""
    last = memories.get(UNSENT)
    goes_on = last is not None and last.told_at is not None and now - last.told_at < 2 * _LONGEST
    return {UNSENT: Memory(last.since if last and goes_on else now, told_at=now, ended_at=now)}


def note_sent(memories: Mapping[Key, Memory], now: datetime) -> dict[Key, Memory]:
    """What is to be remembered when somebody takes it."""
    last = memories.get(UNSENT)
    return {} if last is None or last.told_at is None else {UNSENT: Memory(now, ended_at=now)}
