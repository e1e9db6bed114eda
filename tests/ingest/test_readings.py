"""Reading in parallel: failures stay with their task, and nobody reads on for nobody."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, cast

import pytest

from ingest.quota import QuotaLedger, Stopped
from ingest.readings import plan_workers, read_all
from trendscript.errors import TryAgainLater

if TYPE_CHECKING:
    from collections.abc import Generator


def _nothing() -> None:
    """Stop nothing."""


def test_a_failure_stays_with_its_task() -> None:
    """Of ten tasks the odd ones fail: each outcome has a result or a failure, and none is missing."""

    def read(task: int) -> int:
        if task % 2:
            raise TryAgainLater(str(task))
        return task * task

    outcomes = {outcome.task: outcome for outcome in read_all(range(10), read, workers=3, stop=_nothing)}
    assert {task: outcome.result for task, outcome in outcomes.items() if outcome.failure is None} == {
        task: task * task for task in range(0, 10, 2)
    }
    assert {task: str(o.failure) for task, o in outcomes.items() if o.failure} == {n: str(n) for n in range(1, 10, 2)}


def test_a_bug_is_raised() -> None:
    """What is no known failure isn't hidden among the outcomes."""
    with pytest.raises(ZeroDivisionError):
        list(read_all([1, 0], lambda task: 1 // task, workers=1, stop=_nothing))


def test_who_gives_up_stops_the_reads_under_way() -> None:
    """After the first outcome the taker leaves: a read that would go on for ever meets the closed ledger and ends."""
    ledger = QuotaLedger(1_000_000)
    ended = threading.Event()

    def read(task: int) -> int:
        if task == 0:
            return 0
        try:
            while True:
                ledger.spend()
                threading.Event().wait(0.001)
        except Stopped:
            ended.set()
            raise

    outcomes = read_all(range(50), read, workers=2, stop=ledger.stop)
    assert next(outcomes).task == 0
    cast("Generator[object]", outcomes).close()
    assert ended.is_set()
    assert ledger.units < 1_000_000


@pytest.mark.parametrize(
    ("readings", "units_left", "at_most", "workers"),
    [(100, 10_000, 4, 4), (2, 10_000, 4, 2), (2, 5, 4, 1), (0, 10, 4, 1)],
)
def test_scarce_units_are_spent_on_one_reading_at_a_time(
    readings: int, units_left: int, at_most: int, workers: int
) -> None:
    """In parallel while units abound; one by one where several could be begun and none be finished."""
    assert plan_workers(readings, units_left=units_left, at_most=at_most) == workers
