"""Merging while others merge: whoever comes second, whoever waits, whoever is rolled back."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest
from adbc_driver_manager import Error

from spark_jobs.counts import TableCounts
from spark_jobs.merge import merge_tables
from spark_jobs.transaction import RangeTransaction
from tests.builders import (
    a_bare_chart_message,
    a_chart_message,
    query,
    stage_values,
    to_bytes,
)
from tests.spark_jobs.merging import FIRST, SERIES, TRENDING, Message, an_instant, children, merge_chart

if TYPE_CHECKING:
    from collections.abc import Callable


class Racing:
    """A merge in a thread of its own, begun while another transaction holds what it wants."""

    def __init__(self, dsn: str, merge: Callable[[], Any]) -> None:
        self._dsn, self._merge = dsn, merge
        self._result: Any = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        self._result = self._merge()

    def wait_until_blocked(self) -> None:
        """Return when some session of the database waits for a lock."""
        waiting = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        deadline = time.monotonic() + 60
        while not query(self._dsn, waiting):
            assert self._thread.is_alive(), "the merge ended without waiting"
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def result(self) -> Any:
        """What the merge gave."""
        self._thread.join(60)
        assert not self._thread.is_alive()
        return self._result


def race(dsn: str, first: list[Message], second: list[Message], *, commit: bool = True) -> dict[str, TableCounts]:
    """Begin with `first`, let `second` run into it, end the first; the counts of the second."""
    with RangeTransaction(dsn) as transaction:
        statements = stage_values(transaction, TRENDING, [to_bytes(message) for message in first])
        merge_tables(transaction, statements, 0, 1)
        racing = Racing(dsn, lambda: merge_chart(dsn, *second, at=(1, 2)))
        racing.wait_until_blocked()
        if commit:
            transaction.commit()
    counts: dict[str, TableCounts] = racing.result()
    return counts


def test_two_ranges_with_the_same_stub_and_reading_both_end_right(database: str) -> None:
    """Entries of one reading on two partitions: who comes second finds its reading unchanged, not stale."""
    first = [a_bare_chart_message("a" * 11), a_bare_chart_message("b" * 11, rank=2)]
    second = [a_bare_chart_message("b" * 11, region_code="DE"), a_bare_chart_message("c" * 11, rank=3)]
    counts = race(database, first, second)
    assert counts["processed.video"] == TableCounts(stubs=1)
    assert counts["processed.chart_entry"] == TableCounts(rows=2, inserted=2)
    assert counts["processed.chart_reading"] == TableCounts(rows=2, inserted=1, unchanged=1)
    assert query(database, "select count(*), count(captured_at) from processed.video") == [(3, 0)]


def test_the_same_message_in_two_ranges_at_once_is_unchanged_in_the_second(database: str) -> None:
    """Rows written, rows lost and rows that were there before are told apart."""
    merge_chart(database, a_chart_message("z" * 11))
    same = [a_chart_message("a" * 11), a_chart_message("z" * 11)]
    counts = race(database, same, [*same, a_chart_message("b" * 11)])
    assert counts["processed.video"] == TableCounts(rows=3, inserted=1, unchanged=2)
    assert counts["processed.chart_reading"] == TableCounts(rows=3, unchanged=1, duplicate=2)


def test_an_older_version_that_loses_a_race_is_stale(database: str) -> None:
    """Compared before the newer one was visible, refused when it was met."""
    newer = a_chart_message(captured_at=an_instant(1), snippet={"title": "newer"})
    assert race(database, [newer], [a_chart_message()])["processed.video"] == TableCounts(rows=1, stale=1)
    assert query(database, "select title from processed.video") == [("newer",)]


def test_a_newer_version_that_comes_second_in_a_race_is_written(database: str) -> None:
    """It meant to insert and updates."""
    newer = a_chart_message(captured_at=an_instant(1), snippet={"title": "newer"})
    assert race(database, [a_chart_message()], [newer])["processed.video"] == TableCounts(rows=1, updated=1)
    assert query(database, "select title from processed.video") == [("newer",)]


def test_a_video_that_meets_its_stub_in_a_race_fills_it(database: str) -> None:
    """And the other way round: a stub that meets its video leaves it alone."""
    counts = race(database, [a_bare_chart_message()], [a_chart_message()])
    assert counts["processed.video"] == TableCounts(rows=1, updated=1)
    counts = race(database, [a_chart_message("b" * 11)], [a_bare_chart_message("b" * 11, region_code="DE")])
    assert counts["processed.video"] == TableCounts()
    assert query(database, "select count(*) from processed.video where captured_at is null") == [(0,)]


def test_who_waited_for_a_transaction_that_rolls_back_writes_itself(database: str) -> None:
    """Nothing of the first stays."""
    counts = race(database, [a_chart_message()], [a_chart_message()], commit=False)
    assert counts["processed.video"] == TableCounts(rows=1, inserted=1)
    assert query(database, "select batch_id from processed.video") == [(2,)]


def test_the_victim_of_a_deadlock_merges_again(database: str) -> None:
    """Another session updates the same two videos the other way round; the merge is the victim and still ends right."""
    merge_chart(database, *(a_chart_message(letter * 11) for letter in "ab"))
    newer = [to_bytes(a_chart_message(letter * 11, captured_at=an_instant(1))) for letter in "ab"]
    attempts: list[int] = []

    def merge() -> dict[str, TableCounts]:
        with RangeTransaction(f"{database}?options=-cdeadlock_timeout%3D2s") as transaction:
            statements = stage_values(transaction, TRENDING, newer)

            def attempt() -> dict[str, TableCounts]:
                attempts.append(1)
                return merge_tables(transaction, statements, 0, 2)

            counts: dict[str, TableCounts] = transaction.retry_deadlocks(attempt)
            transaction.commit()
        return counts

    update = "update processed.video set title = 'by hand' where video_id = %s"
    with closing(psycopg2.connect(database)) as other, other, other.cursor() as cursor:
        cursor.execute("set local deadlock_timeout = '60s'")  # so that the merge is the one that notices
        cursor.execute(update, ["b" * 11])
        racing = Racing(database, merge)
        racing.wait_until_blocked()
        cursor.execute(update, ["a" * 11])
    assert racing.result()["processed.video"] == TableCounts(rows=2, updated=2)
    assert len(attempts) >= 2  # more where the other session is slow to end
    assert query(database, "select title, batch_id from processed.video") == [("A title", 2)] * 2


_FAIL = "do $$ begin raise exception 'provoked' using errcode = '{}'; end $$"


def test_a_merge_can_be_repeated_whole(series_database: str) -> None:
    """After ROLLBACK TO the savepoint nothing of the first attempt is in the way: temporary tables neither."""
    attempts: list[dict[str, TableCounts]] = []
    with RangeTransaction(series_database) as transaction:
        statements = stage_values(transaction, SERIES, [to_bytes(FIRST)])

        def attempt() -> None:
            attempts.append(merge_tables(transaction, statements, 0, 1))
            if len(attempts) < 3:
                transaction.execute(_FAIL.format("40P01"))

        transaction.retry_deadlocks(attempt)
        transaction.commit()
    assert attempts[0] == attempts[2]
    assert len(children(series_database)["episode"]) == 3


@pytest.mark.parametrize(("state", "expected"), [("40P01", 5), ("40001", 1), ("23505", 1)])
def test_only_deadlocks_are_tried_again_and_not_for_ever(database: str, state: str, expected: int) -> None:
    """Five times; any other error ends the transaction at once."""
    attempts: list[int] = []
    with RangeTransaction(database) as transaction:

        def attempt() -> None:
            attempts.append(1)
            transaction.execute(_FAIL.format(state))

        with pytest.raises(Error) as failed:
            transaction.retry_deadlocks(attempt)
    assert (failed.value.sqlstate, len(attempts)) == (state, expected)


def test_leaving_without_commit_rolls_everything_back(database: str) -> None:
    """Rows, and the temporary tables."""
    with RangeTransaction(database) as transaction:
        merge_tables(transaction, stage_values(transaction, TRENDING, [to_bytes(a_chart_message())]), 0, 1)
    assert query(database, "select count(*) from processed.video") == [(0,)]
