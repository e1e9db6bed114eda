"""The lease: one runner a topic."""

from __future__ import annotations

from contextlib import closing, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import psycopg2
import pytest

from spark_jobs.lease import HeldLease, LeaseLost, TopicBusy, read_leases, take_lease
from tests.builders import query
from tests.spark_jobs.quarantined import as_writer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Stack

HOLDERS = "select pid from pg_stat_activity where datname = current_database() and application_name like %s"
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
    """Address, process and age, so that a person can find it."""
    with take_lease(database, "charts"):
        ((pid,),) = query(database, HOLDERS, ["trendscript lease charts"])
        with pytest.raises(TopicBusy) as busy, take_lease(database, "charts"):
            pass
    assert busy.value.exit_code == 75
    assert busy.value.holder == f"127.0.0.1, process {pid}"
    assert timedelta() < busy.value.since < timedelta(minutes=5)
    assert str(busy.value).startswith(f"charts is being worked on by 127.0.0.1, process {pid}, for 0:00:0")


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
                    with pytest.raises(TopicBusy, match=f"process {pid},"), take_lease(dsn, "charts"):
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


def _leases(dsn: str) -> list[HeldLease]:
    with closing(psycopg2.connect(dsn)) as connection:
        return read_leases(connection)
