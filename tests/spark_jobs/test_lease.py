"""The lease: one runner a topic."""

from __future__ import annotations

import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import timedelta
from threading import Event, Timer
from typing import TYPE_CHECKING

import psycopg2
import pytest
import structlog

from spark_jobs.lease import LeaseLost, take_lease
from spark_jobs.lease_holders import HeldLease, TopicBusy, read_leases
from tests.builders import query
from tests.spark_jobs.quarantined import as_writer
from tests.spark_jobs.test_purge import as_janitor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Stack

HOLDERS = "select pid from pg_stat_activity where datname = current_database() and application_name like %s"
WAITING = """
    select count(*)::int from pg_locks
    where locktype = 'advisory' and not granted
        and database = (select oid from pg_database where datname = current_database())
"""
KEY = "select key from pipeline.lease where topic = 'charts'"


@contextmanager
def _as_analyst(dsn: str, statement: str) -> Iterator[None]:
    """A session of an analyst's that has run a statement and stays open."""
    with closing(psycopg2.connect(as_writer(dsn).replace("pipeline_writer", "data_analyst"))) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
            yield


def test_a_second_runner_is_told_who_holds_the_topic_and_since_when(database: str) -> None:
    """Address, process, command, role and age, so that a person can find it."""
    with take_lease(database, "charts", "purge"):
        ((pid,),) = query(database, HOLDERS, ["trendscript lease charts"])
        with pytest.raises(TopicBusy) as busy, take_lease(database, "charts"):
            pass
    assert busy.value.exit_code == 75
    assert busy.value.holder == f"127.0.0.1, process {pid} (purge, postgres)"
    assert timedelta() < busy.value.since < timedelta(minutes=5)
    assert str(busy.value).startswith(
        f"charts is being worked on by 127.0.0.1, process {pid} (purge, postgres), for 0:00:0"
    )


@pytest.mark.parametrize(("hours", "stuck"), [(1, False), (3, True)])
def test_a_holder_of_more_than_two_hours_is_stuck(hours: int, *, stuck: bool) -> None:
    """No load should take so long without planning another batch."""
    assert TopicBusy("charts", "somebody", timedelta(hours=hours)).stuck is stuck


def test_a_lease_ends_with_its_block(database: str) -> None:
    """Also when the block fails."""
    with pytest.raises(KeyError), take_lease(database, "charts"):
        raise KeyError
    with take_lease(database, "charts") as lease:
        lease.check()


def test_the_server_notices_a_runner_that_vanished(database: str) -> None:
    """It asks an idle lease's runner after ten seconds, not after the two hours of most systems."""
    with take_lease(database, "charts") as lease, lease.connection.cursor() as cursor:
        cursor.execute("show tcp_keepalives_idle")
        assert cursor.fetchone() == ("10",)


def test_a_holder_of_another_role_is_as_old_as_it_is(database: str) -> None:
    """What the server hides of others' connections, the holder has written down: one that is stuck is noticed."""
    with take_lease(as_janitor(database), "charts", "purge"):
        query(database, "update pipeline.lease set taken_at = now() - interval '3 hours'")
        with pytest.raises(TopicBusy) as busy, take_lease(as_writer(database), "charts"):
            pass
    assert busy.value.stuck
    assert re.search(r"127\.0\.0\.1, process \d+ \(purge, pipeline_janitor\), for 3:00:0", str(busy.value))
    with take_lease(database, "charts"):
        (lease,) = _leases(database)
    assert lease.since < timedelta(minutes=5)


def test_who_waits_has_the_topic_before_who_only_tries(database: str) -> None:
    """A load that goes on gives the topic back for a moment at a time, and tries again at once."""
    with ThreadPoolExecutor(1) as pool, structlog.testing.capture_logs() as logs:
        with take_lease(database, "charts"):
            waiting = pool.submit(_hold, database, patience=60)
            _until(lambda: query(database, WAITING) == [(1,)])
        with pytest.raises(TopicBusy, match="lake"), take_lease(database, "charts"):
            pass
        waiting.result(30)
    assert [log["seconds"] for log in logs if log["event"] == "lease_awaited"] == [60]
    with take_lease(database, "charts"):
        pass


def test_patience_ends(database: str) -> None:
    """With who has the topic."""
    with take_lease(database, "charts", "purge"), pytest.raises(TopicBusy, match="purge"):
        _hold(database, patience=0.2)


def test_who_waits_behind_an_analyst_is_not_held_up(database: str) -> None:
    """An analyst who queued for the lock gets it first, and the topic gets another."""
    with ThreadPoolExecutor(2) as pool:
        with take_lease(as_writer(database), "charts"):
            ((key,),) = query(database, KEY)
            analyst = pool.submit(_stay, database, f"select pg_advisory_lock({key})", done := Event())
            _until(lambda: query(database, WAITING) == [(1,)])
            waiting = pool.submit(_hold, as_writer(database), patience=60)
            _until(lambda: query(database, WAITING) == [(2,)])
        waiting.result(30)
        done.set()
        analyst.result(30)


def test_topics_and_databases_do_not_share_a_lease(stack: Stack, database: str, migrated_template: str) -> None:
    """Another topic is free, and so is the same topic of another warehouse on the server."""
    other = database.rpartition("/")[0] + "/lease_of_another"
    with closing(psycopg2.connect(stack.dsn)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(f"create database lease_of_another template {migrated_template}")
        try:
            with take_lease(database, "charts"), take_lease(database, "videos"), take_lease(other, "charts"):
                for dsn in (database, other):
                    ((pid,),) = query(dsn, HOLDERS, ["trendscript lease charts"])
                    with pytest.raises(TopicBusy, match=f"process {pid} "), take_lease(dsn, "charts"):
                        pass
        finally:
            cursor.execute("drop database lease_of_another with (force)")


def test_a_lost_connection_is_noticed_at_the_next_check(database: str) -> None:
    """The lock went with it: somebody else who has the topic now keeps it; where nobody has, it is taken again."""
    end = f"select pg_terminate_backend(({HOLDERS}), 10000)"
    with take_lease(database, "charts") as lease:
        lease.check()
        query(database, end, ["trendscript lease charts"])
        lease.check()
        with pytest.raises(TopicBusy), take_lease(database, "charts"):
            pass
        query(database, end, ["trendscript lease charts"])
        with take_lease(database, "charts") as other:
            with pytest.raises(LeaseLost, match="is being worked on by") as lost:
                lease.check()
            other.check()
    assert lost.value.exit_code == 75
    with take_lease(database, "charts"):
        pass


def test_a_lease_that_could_not_be_taken_again_is_not_held(database: str) -> None:
    """A fault amid taking it again leaves no connection that the next check would believe in without the lock."""
    with take_lease(database, "charts") as lease:
        query(database, f"select pg_terminate_backend(({HOLDERS}), 10000)", ["trendscript lease charts"])
        query(database, "alter table pipeline.lease rename to lease_for_a_while")
        with pytest.raises(psycopg2.errors.UndefinedTable):
            lease.check()
        query(database, "alter table pipeline.lease_for_a_while rename to lease")
        lease.check()
        with pytest.raises(TopicBusy), take_lease(database, "charts"):
            pass


def test_a_lost_connection_that_the_server_still_believes_in_is_waited_for(database: str) -> None:
    """The lock is still held, by nobody but the runner itself as it was before."""
    with take_lease(database, "charts") as lease:
        alive = os.dup(lease.connection.fileno())
        os.close(lease.connection.fileno())
        ending = Timer(1.5, os.close, [alive])
        ending.start()
        lease.check()
        ending.join()
        lease.check()
        with pytest.raises(TopicBusy), take_lease(database, "charts"):
            pass


@pytest.mark.parametrize("lock", ["pg_advisory_lock", "pg_advisory_lock_shared"])
def test_an_analyst_can_not_hold_up_a_topic(database: str, lock: str) -> None:
    """Who has seen the lock in use and takes it when it is free holds nobody up: the topic gets another."""
    with take_lease(as_writer(database), "charts"):
        pass
    ((key,),) = query(database, KEY)
    with _as_analyst(database, f"select {lock}({key})"):
        with take_lease(as_writer(database), "charts"):
            assert [lease.topic for lease in _leases(database)] == ["charts"]
            with pytest.raises(TopicBusy), take_lease(as_writer(database), "charts"):
                pass
        assert query(database, KEY) != [(key,)]
    assert _leases(database) == []


def test_the_lock_stays_the_same_while_no_stranger_holds_it(database: str) -> None:
    """A runner that finds another one is no reason for a new one: both would believe they have the topic."""
    with take_lease(database, "charts"):
        before = query(database, KEY)
        with pytest.raises(TopicBusy), take_lease(as_writer(database), "charts"):
            pass
    with take_lease(database, "charts"):
        assert query(database, KEY) == before


def test_analysts_do_not_see_which_lock_is_next(database: str) -> None:
    """The table of locks is not theirs to read."""
    with pytest.raises(psycopg2.errors.InsufficientPrivilege), _as_analyst(database, KEY):
        pass


def _hold(dsn: str, *, patience: float) -> None:
    """Have the topic for a moment, longer than who only tries takes to look."""
    with take_lease(dsn, "charts", "lake", patience=patience):
        time.sleep(0.5)


def _stay(dsn: str, statement: str, done: Event) -> None:
    with _as_analyst(dsn, statement):
        done.wait(30)


def _until(holds: Callable[[], bool]) -> None:
    """Wait for what another session does."""
    for _ in range(300):
        if holds():
            return
        time.sleep(0.1)
    raise TimeoutError


def _leases(dsn: str) -> list[HeldLease]:
    with closing(psycopg2.connect(dsn)) as connection:
        return read_leases(connection)
