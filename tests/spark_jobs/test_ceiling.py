"""When a range is stopped for what its contract refuses, and what is said then."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from spark_jobs.ceiling import QuarantineCeiling, check_ceiling
from trendscript.contracts import load_contract

CHARTS = replace(load_contract("youtube_trending"), max_quarantine_percent=50.0)


@pytest.mark.parametrize(
    ("read", "rejected", "percent"),
    [(200, 100, 50), (99, 99, 0), (100_000, 100, 0.1), (500, 500, 100), (0, 0, 0)],
    ids=["the share itself", "too few to judge", "a small share", "no ceiling", "nothing"],
)
def test_a_range_goes_through(read: int, rejected: int, percent: float) -> None:
    """At the ceiling or below it, or with so few rejects that a share says nothing."""
    check_ceiling(replace(CHARTS, max_quarantine_percent=percent), read, Counter(not_json=rejected))


@pytest.mark.parametrize(("read", "rejected", "percent"), [(199, 100, 50), (100, 100, 0), (99_999, 100, 0.1)])
def test_a_range_is_stopped(read: int, rejected: int, percent: float) -> None:
    """Above the ceiling, from a hundred rejects on."""
    with pytest.raises(QuarantineCeiling) as stopped:
        check_ceiling(replace(CHARTS, max_quarantine_percent=percent), read, Counter(not_json=rejected))
    assert stopped.value.exit_code == 78


def test_the_commonest_reasons_are_said_and_what_to_do() -> None:
    """The share, five reasons with their counts, how many there are besides, and both ways on."""
    reasons = Counter({f"missing:column_{number}": 1000 * number for number in range(1, 8)})
    with pytest.raises(QuarantineCeiling) as stopped:
        check_ceiling(CHARTS, 40_000, reasons)
    text = str(stopped.value)
    assert "28,000 of 40,000 messages (70.0 %)" in text
    assert "the 50 % of the contract: 7,000 missing:column_7, 6,000 missing:column_6" in text
    assert "3,000 missing:column_3 and 2 reasons more" in text
    assert "`trendscript load youtube_trending --max-quarantine-percent 100`" in text


def test_a_replay_is_not_sent_to_load() -> None:
    """The same command is the way on, and the planned batch may be given up."""
    with pytest.raises(QuarantineCeiling) as stopped:
        check_ceiling(CHARTS, 200, Counter(not_json=150), "replay")
    text = str(stopped.value)
    assert "and replay again; or" in text
    assert "give the same command --max-quarantine-percent 100" in text
    assert "`trendscript replay youtube_trending --abandon" in text
    assert "trendscript load" not in text
