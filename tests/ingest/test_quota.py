"""What requests cost, by Pacific day, and when they stop."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime

import pytest

from ingest.api_failures import QuotaExceeded
from ingest.quota import QuotaLedger, UnitsSpent, Usage, pacific_day


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2026, 11, 21, 7, 59, 59, tzinfo=UTC), date(2026, 11, 20)),
        (datetime(2026, 11, 21, 8, 0, tzinfo=UTC), date(2026, 11, 21)),
        (datetime(2026, 7, 1, 6, 59, 59, tzinfo=UTC), date(2026, 6, 30)),
        (datetime(2026, 7, 1, 7, 0, tzinfo=UTC), date(2026, 7, 1)),
    ],
)
def test_the_day_changes_at_pacific_midnight_in_winter_and_in_summer(moment: datetime, day: date) -> None:
    """Midnight in California is 8:00 UTC in winter and 7:00 in summer."""
    assert pacific_day(moment) == day


def test_a_run_over_midnight_is_charged_to_both_days() -> None:
    """Each request counts for the day it was sent on."""
    moments = iter(
        [
            datetime(2026, 11, 21, 7, 59, tzinfo=UTC),
            datetime(2026, 11, 21, 8, 1, tzinfo=UTC),
            datetime(2026, 11, 21, 8, 2, tzinfo=UTC),
        ]
    )
    ledger = QuotaLedger(10, now=lambda: next(moments))
    for _ in range(3):
        ledger.spend()
    assert ledger.usages() == [
        Usage("default", date(2026, 11, 20), 1, 1),
        Usage("default", date(2026, 11, 21), 2, 2),
    ]


def test_the_limit_is_never_passed_by_threads_at_once() -> None:
    """Eight threads want 400 units of a ledger of 100: exactly 100 are let out."""
    ledger = QuotaLedger(100)

    def spend_fifty(_: int) -> int:
        refused = 0
        for _ in range(50):
            try:
                ledger.spend()
            except UnitsSpent:
                refused += 1
        return refused

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(spend_fifty, range(8))) == 300
    assert (ledger.units, ledger.units_left) == (100, 0)


def test_dear_requests_are_counted_in_units_and_in_number() -> None:
    """A request of several units is one request; buckets are kept apart."""
    ledger = QuotaLedger(200, now=lambda: datetime(2026, 11, 21, 12, tzinfo=UTC))
    ledger.spend(100, bucket="search")
    ledger.spend()
    day = date(2026, 11, 21)
    assert ledger.usages() == [Usage("default", day, 1, 1), Usage("search", day, 100, 1)]
    with pytest.raises(UnitsSpent):
        ledger.spend(100, bucket="search")


def test_a_closed_ledger_lets_nothing_out() -> None:
    """After a refusal that concerns all, further requests meet that same refusal and cost nothing."""
    ledger = QuotaLedger(10)
    ledger.close(QuotaExceeded("used up"))
    with pytest.raises(QuotaExceeded, match="used up"):
        ledger.spend()
    assert ledger.units == 0
