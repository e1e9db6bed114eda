"""Quota: requests go in as they are sent, units by bucket and Pacific day come out."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from trendscript.errors import TrendscriptError, TryAgainLater

if TYPE_CHECKING:
    from collections.abc import Callable

# "Daily quota resets at midnight Pacific Time": https://developers.google.com/youtube/v3/determine_quota_cost
PACIFIC = ZoneInfo("America/Los_Angeles")


class UnitsSpent(TryAgainLater):
    """Raised when another request would pass the units this command may spend."""

    def __init__(self, max_units: int) -> None:
        self.max_units = max_units
        super().__init__(
            f"The {max_units} units this command may spend are spent. "
            "What was read completely is kept; run it again with a higher --max-units for the rest."
        )


class Stopped(TryAgainLater):
    """Raised when a request is no longer wanted, because the command it belongs to is ending."""

    def __init__(self) -> None:
        super().__init__("The command was stopped before this was read. Run it again.")


@dataclass(frozen=True, slots=True)
class Usage:
    """What one bucket of the quota was charged on one Pacific day."""

    bucket: str
    pacific_day: date
    units: int
    requests: int


def utc_now() -> datetime:
    """The time now, in UTC."""
    return datetime.now(UTC)


def pacific_day(moment: datetime) -> date:
    """The day whose quota a request at this moment is charged to."""
    return moment.astimezone(PACIFIC).date()


class QuotaLedger:
    """Counts what requests cost, over all threads of a command, and stops them in time.

    Google charges at least one unit for every request, failed and repeated ones too, so a request
    is counted before it is sent.
    """

    def __init__(self, max_units: int, *, now: Callable[[], datetime] = utc_now) -> None:
        self.max_units = max_units
        self._now = now
        self._lock = threading.Lock()
        self._units: Counter[tuple[str, date]] = Counter()
        self._requests: Counter[tuple[str, date]] = Counter()
        self._closed_by: TrendscriptError | None = None

    @property
    def units(self) -> int:
        """Units charged so far, over all buckets and days."""
        return self._units.total()

    @property
    def units_left(self) -> int:
        """Units this command may still spend."""
        return self.max_units - self.units

    @property
    def requests(self) -> int:
        """Requests sent so far."""
        return self._requests.total()

    def spend(self, units: int = 1, *, bucket: str = "default") -> None:
        """Charge one request. Raises UnitsSpent before the limit is passed, or what the ledger was closed with."""
        with self._lock:
            if self._closed_by is not None:
                raise self._closed_by
            if self._units.total() + units > self.max_units:
                raise UnitsSpent(self.max_units)
            day = pacific_day(self._now())
            self._units[bucket, day] += units
            self._requests[bucket, day] += 1

    def stop(self) -> None:
        """Let no further request out: nobody waits for what it would bring."""
        self.close(Stopped())

    def close(self, failure: TrendscriptError) -> None:
        """Let no further request out: each would meet the same failure and cost a unit."""
        with self._lock:
            self._closed_by = failure

    def usages(self) -> list[Usage]:
        """What was charged, one value a bucket and day, in their order."""
        with self._lock:
            return [
                Usage(bucket, day, units, self._requests[bucket, day])
                for (bucket, day), units in sorted(self._units.items())
            ]
