"""The lease: one runner a topic."""

from __future__ import annotations

from datetime import timedelta

import pytest

from spark_jobs.lease import LeaseLost, TopicBusy, take_lease
from tests.builders import query

HOLDERS = "select pid from pg_stat_activity where datname = current_database() and application_name like %s"


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


def test_topics_and_databases_do_not_share_a_lease(database: str, empty_database: str) -> None:
    """Another topic is free, and so is the same topic of another warehouse on the server."""
    with take_lease(database, "charts"), take_lease(database, "videos"), take_lease(empty_database, "charts"):
        for dsn in (database, empty_database):
            ((pid,),) = query(dsn, HOLDERS, ["trendscript lease charts"])
            with pytest.raises(TopicBusy, match=f"process {pid},"), take_lease(dsn, "charts"):
                pass


def test_a_lost_connection_is_noticed_at_the_next_check(database: str) -> None:
    """The lock went with it, so somebody else may have the topic now."""
    with take_lease(database, "charts") as lease:
        lease.check()
        query(database, f"select pg_terminate_backend(({HOLDERS}))", ["trendscript lease charts"])
        with pytest.raises(LeaseLost, match="lease on charts is gone"):
            lease.check()
        with take_lease(database, "charts") as other:
            other.check()
