"""Failures of a range: which pass by themselves, which need a person, which are bugs."""

from __future__ import annotations

import pytest
from adbc_driver_manager import Error

from spark_jobs.failures import LoadInterrupted, RangeFailure, RangeRefused, raise_failures, to_failure
from spark_jobs.offsets import PositionMoved
from spark_jobs.transaction import RangeTransaction
from trendscript.kafka.failures import BrokerUnreachable


def failure_of(dsn: str, *statements: str) -> RangeFailure | None:
    """What becomes of the error that Postgres answers to the last statement."""
    *before, last = statements
    with RangeTransaction(dsn) as transaction:
        for statement in before:
            transaction.execute(statement)
        with pytest.raises(Error) as failed:
            transaction.execute(last)
    return to_failure(failed.value)


@pytest.mark.parametrize(
    ("state", "passing"),
    [
        ("40P01", True),  # deadlock
        ("40001", True),  # serialization failure
        ("55P03", True),  # lock not available
        ("53100", True),  # disk full
        ("57P01", True),  # terminated by an administrator
        ("57014", True),  # statement timeout
        ("08006", True),  # connection failure
        ("23503", False),  # foreign key
        ("42P01", False),  # no such table
        ("42501", False),  # no right
        ("22P02", False),  # invalid text
        ("54000", False),  # past a limit
        ("55000", False),  # not in the prerequisite state
    ],
)
def test_the_state_tells_whether_a_failure_passes(database: str, state: str, *, passing: bool) -> None:
    """Raised by a real server, so that the driver's way to tell it is under test too."""
    failure = failure_of(database, f"do $$ begin raise exception 'provoked' using errcode = '{state}'; end $$")
    assert failure is not None
    assert (failure.passing, failure.exit_code) == (passing, 75 if passing else 78)
    assert "provoked" in failure.text


def test_a_connection_that_is_lost_passes(database: str) -> None:
    """Its outcome is unknown; the ledger is asked by the next attempt."""
    failure = failure_of(database, "select pg_terminate_backend(pg_backend_pid())")
    assert failure is not None
    assert failure.passing


def test_a_server_that_is_not_there_passes() -> None:
    """It may be there in a moment."""
    with pytest.raises(Error) as failed:
        RangeTransaction("postgresql://postgres@127.0.0.1:1/postgres")
    failure = to_failure(failed.value)
    assert failure is not None
    assert failure.passing


def test_failures_of_ours_keep_their_text_and_code() -> None:
    """A broker that can't be reached passes; a position that moved needs a person."""
    unreachable = to_failure(BrokerUnreachable("No broker answers."))
    assert unreachable == RangeFailure("No broker answers.", passing=True, exit_code=69, fact="BrokerUnreachable")
    moved = to_failure(PositionMoved("charts", 1, 5))
    assert moved is not None
    assert (moved.passing, moved.exit_code) == (False, 78)


@pytest.mark.parametrize("bug", [KeyError("x"), RuntimeError("x"), ValueError("x")])
def test_a_bug_is_no_failure(bug: Exception) -> None:
    """It is raised, with its traceback."""
    assert to_failure(bug) is None


def test_a_failure_travels_as_text() -> None:
    """From an executor to the driver."""
    failure = RangeFailure('"é\n', passing=True, exit_code=75)
    assert RangeFailure.from_json(failure.to_json()) == failure


PASSING = RangeFailure("partition 0, offsets 0 to 9: gone", passing=True, exit_code=75)
LASTING = RangeFailure("partition 1, offsets 0 to 4: no such table", passing=False, exit_code=78)


def test_what_passes_interrupts_the_load() -> None:
    """The text says what is left to do, which is nothing but to load again."""
    with pytest.raises(LoadInterrupted, match="charts, partition 0, offsets 0 to 9: gone — the batch stays planned"):
        raise_failures("charts", {0: PASSING})


def test_the_gravest_failure_decides() -> None:
    """One range that can't be loaded needs a person, whatever happened to the others."""
    for failures in ({0: PASSING, 1: LASTING}, {0: LASTING, 1: PASSING}):
        with pytest.raises(RangeRefused, match="charts, partition 1, offsets 0 to 4: no such table"):
            raise_failures("charts", failures)
