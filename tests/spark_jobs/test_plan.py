"""Planning a batch against a real ledger; what Kafka holds is said by the test."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg2
import pytest

from spark_jobs.batch import Batch, OffsetRange
from spark_jobs.offsets import ClusterChanged, OffsetsExpired, PartitionVanished, PositionAhead, TopicRecreated
from spark_jobs.plan import plan_batch, rehearse_plan
from spark_jobs.topic_state import TopicIdentity, TopicState
from tests.builders import query
from trendscript.contracts import load_contract

if TYPE_CHECKING:
    from typing import Any

    from trendscript.errors import NeedsAPerson

CONTRACT = replace(load_contract("youtube_trending"), topic="charts")
CHARTS = TopicIdentity("charts", "cluster", "topic-id")


def a_state(*bounds: tuple[int, int], identity: TopicIdentity = CHARTS) -> TopicState:
    """What Kafka holds of partitions 0, 1, …: earliest and end of each."""
    earliest, end = ({number: bound[side] for number, bound in enumerate(bounds)} for side in (0, 1))
    return TopicState(identity, earliest, end)


def plan(dsn: str, state: TopicState, *, max_messages: int = 1000, ends: dict[int, int] | None = None) -> Batch | None:
    """Plan as a load does that begins now."""
    with closing(psycopg2.connect(dsn)) as connection:
        return plan_batch(connection, CONTRACT, lambda: state, state.end if ends is None else ends, max_messages)


def rehearse(dsn: str, state: TopicState) -> Batch | None:
    """Plan as a dry run does."""
    with closing(psycopg2.connect(dsn)) as connection:
        return rehearse_plan(connection, state, 1000)


def commit(dsn: str, batch: Batch, *partitions: int) -> None:
    """Set ranges committed and move their positions; the batch too when these are all."""
    for partition in partitions:
        query(
            dsn,
            "update pipeline.batch_range set committed_at = now(), read = 0, accepted = 0, quarantined = 0, "
            "skipped = until_offset - from_offset where batch_id = %s and partition = %s",
            [batch.batch_id, partition],
        )
        query(
            dsn,
            "update pipeline.position set next_offset = %s where partition = %s",
            [batch.range_of(partition).until_offset, partition],
        )
    if len(partitions) == len(batch.ranges):
        query(dsn, "update pipeline.batch set state = 'committed', committed_at = now()")


def ledger(dsn: str) -> list[list[tuple[Any, ...]]]:
    """All that planning could write."""
    return [
        query(dsn, f"select * from pipeline.{name} order by 1, 2, 3")  # noqa: S608  (names from here)
        for name in ("topic", "batch", "batch_range", "position")
    ]


def test_a_plan_is_in_the_ledger_when_it_is_handed_out(database: str) -> None:
    """Batch, ranges and positions, read over another connection."""
    batch = plan(database, a_state((5, 10), (0, 3)))
    assert batch is not None
    assert (batch.ranges, batch.resumed) == ((OffsetRange(0, 5, 10), OffsetRange(1, 0, 3)), False)
    planned = "select batch_id, topic, topic_id, cluster_id, kind, state, contract_version from pipeline.batch"
    assert query(database, planned) == [
        (batch.batch_id, "charts", "topic-id", "cluster", "load", "planned", CONTRACT.version)
    ]
    ranges = "select partition, from_offset, until_offset, committed_at from pipeline.batch_range order by 1"
    assert query(database, ranges) == [(0, 5, 10, None), (1, 0, 3, None)]
    assert query(database, "select partition, next_offset from pipeline.position order by 1") == [(0, 5), (1, 0)]


def test_nothing_waiting_is_no_batch(database: str) -> None:
    """At the end of every partition there is nothing to plan."""
    assert plan(database, a_state((0, 0), (4, 4))) is None
    assert query(database, "select count(*) from pipeline.batch") == [(0,)]


def test_messages_that_expire_after_an_empty_first_load_are_missed(database: str) -> None:
    """The run that found nothing has seen the topic: what came and went since then is a loss with a name."""
    assert plan(database, a_state((0, 0))) is None
    with pytest.raises(OffsetsExpired, match="offsets 0 to 6"):
        plan(database, a_state((7, 9)))


def test_an_unfinished_batch_is_resumed_as_it_was_planned(database: str) -> None:
    """Without the ranges that are committed, and without what has come since."""
    first = plan(database, a_state((0, 5), (0, 5)))
    assert first is not None
    commit(database, first, 1)
    resumed = plan(database, a_state((0, 90), (5, 90)))
    assert resumed == replace(first, ranges=(OffsetRange(0, 0, 5),), resumed=True)


def test_the_next_batch_goes_on_where_the_last_ended(database: str) -> None:
    """And a partition that appeared meanwhile begins at 0."""
    first = plan(database, a_state((0, 5)))
    assert first is not None
    commit(database, first, 0)
    second = plan(database, a_state((2, 8), (0, 3)))
    assert second is not None
    assert second.ranges == (OffsetRange(0, 5, 8), OffsetRange(1, 0, 3))
    assert second.batch_id > first.batch_id


def test_a_batch_ends_where_the_run_saw_the_end(database: str) -> None:
    """What comes while it loads waits for the next run; so does a partition that appears."""
    batch = plan(database, a_state((0, 9), (0, 9)), ends={0: 4})
    assert batch is not None
    assert batch.ranges == (OffsetRange(0, 0, 4),)


def test_a_batch_is_no_larger_than_asked(database: str) -> None:
    """Over all partitions together."""
    batch = plan(database, a_state((0, 90), (0, 90)), max_messages=10)
    assert batch is not None
    assert sum(found.offsets for found in batch.ranges) == 10


def test_a_batch_id_is_never_used_again(database: str) -> None:
    """At least the time in milliseconds, so that a restored ledger doesn't repeat one; else the last and one."""
    before = time.time_ns() // 1_000_000
    first = plan(database, a_state((0, 5)))
    assert first is not None
    assert first.batch_id >= before
    commit(database, first, 0)
    ahead = before * 2
    query(
        database,
        "insert into pipeline.batch (batch_id, topic, topic_id, cluster_id, kind, state, committed_at, "
        "contract_version, code_version, requested_by) "
        "values (%s, 'charts', 'topic-id', 'cluster', 'load', 'committed', now(), '1', '1', 'a test')",
        [ahead],
    )
    second = plan(database, a_state((0, 9)))
    assert second is not None
    assert second.batch_id == ahead + 1


@pytest.mark.parametrize(
    ("state", "fault"),
    [
        (a_state((6, 9), (0, 9)), OffsetsExpired),
        (a_state((0, 4), (0, 9)), PositionAhead),
        (a_state((0, 9)), PartitionVanished),
        (a_state((0, 9), (0, 9), identity=replace(CHARTS, topic_id="other")), TopicRecreated),
        (a_state((0, 9), (0, 9), identity=replace(CHARTS, cluster_id="other")), ClusterChanged),
    ],
)
@pytest.mark.parametrize("planned", [True, False], ids=["resumed", "new"])
def test_a_broken_promise_stops_the_plan_and_changes_nothing(
    database: str, state: TopicState, fault: type[NeedsAPerson], *, planned: bool
) -> None:
    """Whether a batch is resumed or a new one is due, and in a dry run alike."""
    first = plan(database, a_state((0, 5), (0, 5)))
    assert first is not None
    if not planned:
        commit(database, first, 0, 1)
    elif fault is OffsetsExpired:
        state = replace(state, earliest={0: 1, 1: 0})
    before = ledger(database)
    for attempt in (plan, rehearse):
        with pytest.raises(fault):
            attempt(database, state)
    assert ledger(database) == before


def test_who_loses_the_race_to_plan_resumes_the_winners_plan(database: str) -> None:
    """Two runners without a lease between them end with one batch."""
    barrier, batches = threading.Barrier(4), []

    def race(end: int) -> None:
        barrier.wait()
        batches.append(plan(database, a_state((0, 9)), ends={0: end}))

    runners = [threading.Thread(target=race, args=(end,)) for end in (5, 6, 7, 8)]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join()
    found = [batch for batch in batches if batch is not None]
    assert len(found) == 4
    assert len({(batch.batch_id, batch.ranges) for batch in found}) == 1
    assert sorted(batch.resumed for batch in found) == [False, True, True, True]


def test_what_kafka_holds_is_asked_after_others_have_planned(database: str) -> None:
    """An answer from before another planner's batch would make its end look like a loss; at the first load too."""
    answers = [a_state((0, 5)), a_state((0, 7))]

    def read_state() -> TopicState:
        if len(answers) == 2:
            assert plan(database, a_state((0, 7))) is not None
        return answers.pop(0)

    with closing(psycopg2.connect(database)) as connection:
        batch = plan_batch(connection, CONTRACT, read_state, {0: 5}, 1000)
    assert batch is not None
    assert (batch.ranges, batch.resumed) == ((OffsetRange(0, 0, 7),), True)


def test_resuming_ends_older_attempts_at_the_same_batch(database: str) -> None:
    """A driver that was killed may have left a task that still holds its range; others are left alone."""
    batch = plan(database, a_state((0, 5)))
    assert batch is not None
    name = f"trendscript batch={batch.batch_id}"
    with (
        closing(psycopg2.connect(database, application_name=f"{name} partition=0 attempt=x")) as older,
        closing(psycopg2.connect(database, application_name=f"{name}9 partition=0 attempt=x")) as another,
    ):
        plan(database, a_state((0, 5)))
        with pytest.raises(psycopg2.OperationalError), older.cursor() as cursor:
            cursor.execute("select 1")
        with another.cursor() as cursor:
            cursor.execute("select 1")


def test_a_rehearsal_plans_the_same_and_writes_nothing(database: str) -> None:
    """A new batch, or the rest of one that is unfinished."""
    state = a_state((5, 10), (0, 3))
    rehearsed = rehearse(database, state)
    assert rehearsed is not None
    assert ledger(database) == [[], [], [], []]
    planned = plan(database, state)
    assert planned is not None
    assert (rehearsed.ranges, rehearsed.topic_id) == (planned.ranges, planned.topic_id)
    commit(database, planned, 0)
    before = ledger(database)
    rest = rehearse(database, a_state((5, 10), (0, 3)))
    assert rest == replace(planned, ranges=(OffsetRange(1, 0, 3),), resumed=True)
    assert ledger(database) == before
    commit(database, planned, 0, 1)
    assert rehearse(database, state) is None
