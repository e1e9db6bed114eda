"""A load that goes on: topics take turns, what fails waits, a signal to stop is heeded after the batch in hand."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from spark_jobs.cli_job import run_each
from spark_jobs.failures import LoadInterrupted
from spark_jobs.follow import Follower, LoadBroken, Pace
from spark_jobs.follow_status import Failing, FollowStatus
from spark_jobs.lake import LakeBroken
from spark_jobs.lease import take_lease
from spark_jobs.load import load_topic
from spark_jobs.offsets import TopicRecreated
from spark_jobs.silver import silver_path
from tests.builders import a_bare_chart_message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from spark_jobs.job import LoadJob
    from spark_jobs.report import BatchReport
    from tests.conftest import MakeTopic
    from tests.spark_jobs.conftest import Loading

QUICK = Pace(every_seconds=0.1, look_seconds=0.1, first_seconds=0.1, longest_seconds=0.2)
SLOW = Pace(every_seconds=3600, look_seconds=0.1)

# Fails as a serialization failure does, which passes by itself, for rows of one video.
_TRIGGER = """
create function processed.stumble() returns trigger language plpgsql as $$
begin
    raise exception 'not now' using errcode = '40001';
end $$;
create trigger stumble before insert on processed.chart_entry for each row
when (new.video_id = 'stumbling00') execute function processed.stumble();
"""


@dataclass
class Following:
    """A run over topics in this thread: `then` is called at each pause with how many there were, and ends it."""

    loadings: Sequence[Loading]
    pace: Pace = QUICK
    changes: dict[str, Any] = field(default_factory=dict)
    batches: list[tuple[str, BatchReport]] = field(default_factory=list)
    stop: Event = field(default_factory=Event)
    renew: Callable[[LoadJob], LoadJob] = lambda job: job
    status: FollowStatus = field(init=False)

    def __post_init__(self) -> None:
        self.status = FollowStatus([loading.topic for loading in self.loadings])
        self.status.listen(lambda topic, batch: self.batches.append((topic, batch)))

    def run(self, then: Callable[[int], bool]) -> None:
        """Follow until `then` says True."""
        pauses = iter(range(10_000))

        def show() -> None:
            if then(next(pauses)):
                self.stop.set()

        job = replace(self.loadings[0].job, **({"attempts": 1, "lake": None} | self.changes))
        contracts = [loading.contract for loading in self.loadings]
        Follower(job, contracts, self.pace, self.status, show, renew=self.renew).follow(self.stop)

    def count(self, loading: Loading) -> int:
        """Batches of a topic so far."""
        return sum(topic == loading.topic for topic, _ in self.batches)


@pytest.fixture
def another(loading: Loading, make_topic: MakeTopic) -> Loading:
    """A second topic with the same contract, into the same tables."""
    return replace(loading, contract=replace(loading.contract, topic=make_topic("others")))


@contextmanager
def _a_strange_topic(loading: Loading) -> Iterator[Callable[[], None]]:
    """Have the ledger know another topic under this name; the function mends it."""
    loading.load(lake=None)
    ((known,),) = loading.query("select topic_id from pipeline.topic where topic = %s", loading.topic)
    loading.query("update pipeline.topic set topic_id = 'another' where topic = %s", loading.topic)
    yield lambda: _mend(loading, known)


def _mend(loading: Loading, topic_id: str) -> None:
    loading.query("update pipeline.topic set topic_id = %s where topic = %s", topic_id, loading.topic)


def test_topics_are_loaded_in_turns(loading: Loading, another: Loading) -> None:
    """What comes while it runs is loaded too, in one batch a turn; a topic with much doesn't hold up the other."""
    loading.publish(*(a_bare_chart_message(f"video{number:06d}") for number in range(6)))
    another.publish(a_bare_chart_message("a" * 11))
    following = Following([loading, another], changes={"max_messages": 2})

    def then(pause: int) -> bool:
        if pause == 2:
            another.publish(a_bare_chart_message("b" * 11))
        return following.count(loading) == 3 and following.count(another) == 2

    following.run(then)
    assert another.topic in [topic for topic, _ in following.batches[:2]]
    assert all(batch.messages.read <= 2 for _, batch in following.batches)
    assert {totals.topic: totals.messages.accepted for totals in following.status.totals()} == {
        loading.topic: 6,
        another.topic: 2,
    }
    assert loading.query("select count(*) from processed.chart_entry") == [(8,)]
    assert following.status.gravest() is None


def test_nothing_is_begun_where_nothing_waits(loading: Loading) -> None:
    """A settled topic is looked at, and neither leased nor planned."""
    loading.load(lake=None)
    steps: list[str] = []
    Following([loading], changes={"on_step": lambda _topic, step: steps.append(step)}).run(lambda pause: pause > 5)
    assert steps == []


def test_a_batch_begins_as_soon_as_enough_wait(loading: Loading) -> None:
    """With an interval of an hour, one message too few waits, and one more does not."""
    following = Following([loading], replace(SLOW, min_messages=3))

    def then(pause: int) -> bool:
        if pause == 2:
            loading.publish(a_bare_chart_message("a" * 11), a_bare_chart_message("b" * 11))
        if pause == 6:
            assert following.batches == []
            loading.publish(a_bare_chart_message("c" * 11))
        return bool(following.batches)

    following.run(then)
    assert [batch.messages.read for _, batch in following.batches] == [3]


def test_a_signal_is_heeded_after_the_batch_in_hand(loading: Loading) -> None:
    """What was begun is committed, what waits behind it is left for the next run."""
    loading.publish(*(a_bare_chart_message(f"video{number:06d}") for number in range(4)))
    following = Following([loading])
    following.changes = {
        "max_messages": 2,
        "on_step": lambda _topic, step: following.stop.set() if step == "load" else None,
    }
    following.run(lambda _pause: False)
    assert len(following.batches) == 1
    assert loading.query("select state, count(*) from pipeline.batch group by 1") == [("committed", 1)]
    assert sum(batch.messages.read for batch in loading.load(lake=None).batches) == 2


def test_a_topic_that_needs_a_person_is_parked(loading: Loading, another: Loading) -> None:
    """It is told once, the others go on, and it is loaded when somebody has mended it."""
    another.publish(a_bare_chart_message("b" * 11))
    following = Following([loading, another])
    seen: list[Failing] = []
    with _a_strange_topic(loading) as mend, structlog.testing.capture_logs() as logs:
        loading.publish(a_bare_chart_message("c" * 11))

        def then(_pause: int) -> bool:
            failing = following.status.failing().get(loading.topic)
            if failing is not None and failing.times >= 3 and following.count(another) and not seen:
                seen.append(failing)
                mend()
            return following.count(loading) == 1

        following.run(then)
    assert [(failing.cause, failing.parked) for failing in seen] == [("TopicRecreated", True)]
    assert following.status.gravest() is None
    events = [log["event"] for log in logs if log.get("topic") == loading.topic]
    assert events.count("topic_parked") == 1
    assert events.count("topic_recovered") == 1


def test_the_gravest_failure_still_open_is_the_end(loading: Loading, another: Loading) -> None:
    """A person's decision weighs more than a fault that passes, and what was mended weighs nothing."""
    with _a_strange_topic(loading):
        loading.publish(a_bare_chart_message("c" * 11))
        following = Following([loading, another])
        following.run(lambda _pause: bool(following.status.failing()))
    failure = following.status.gravest()
    assert isinstance(failure, TopicRecreated)
    following.status.note_failure(another.topic, Failing(LoadInterrupted("later"), 1, parked=False))
    assert following.status.gravest() is failure
    following.status.note_success(loading.topic)
    assert isinstance(following.status.gravest(), LoadInterrupted)


def test_a_passing_fault_of_one_topic_backs_off(loading: Loading, another: Loading) -> None:
    """The other topic is loaded meanwhile; when the fault is over the batch is resumed as it was planned."""
    loading.query(_TRIGGER)
    loading.publish(a_bare_chart_message("stumbling00"))
    another.publish(a_bare_chart_message("b" * 11))
    following = Following([loading, another])

    def then(_pause: int) -> bool:
        failing = following.status.failing().get(loading.topic)
        if failing is not None and failing.times >= 2 and following.count(another):
            assert (failing.cause, failing.parked) == ("LoadInterrupted", False)
            loading.query("drop function if exists processed.stumble() cascade")
        return following.count(loading) == 1

    with structlog.testing.capture_logs() as logs:
        following.run(then)
    waits = [log for log in logs if log["event"] == "topic_waits"]
    assert [log["failures"] for log in waits[:2]] == [1, 2]
    assert loading.query("select count(*) from pipeline.batch where topic = %s", loading.topic) == [(1,)]
    assert loading.query("select count(*) from processed.chart_entry") == [(2,)]


def test_a_topic_that_others_work_on_is_no_failure(loading: Loading) -> None:
    """It is asked about again, and loaded when it is free."""
    loading.publish(a_bare_chart_message("a" * 11))
    following = Following([loading])
    with take_lease(loading.job.dsn, loading.topic):
        following.run(lambda pause: pause > 4)
    assert following.batches == []
    assert following.status.gravest() is None
    following.stop.clear()
    following.run(lambda _pause: bool(following.batches))
    assert following.batches[0][1].messages.read == 1


def test_a_bug_of_one_topic_stops_the_run_in_the_end(loading: Loading, another: Loading) -> None:
    """Others go on for a while; the fifth bug in a row is raised, so that a person hears of it."""
    another.publish(a_bare_chart_message("b" * 11))
    loading.publish(a_bare_chart_message("a" * 11))

    def stumble(topic: str, step: str) -> None:
        if topic == loading.topic and step == "load":
            raise ZeroDivisionError

    following = Following([loading, another], changes={"on_step": stumble})
    with pytest.raises(ZeroDivisionError):
        following.run(lambda _pause: False)
    assert following.count(another) == 1
    assert isinstance(following.status.gravest(), LoadBroken)
    assert following.status.failing()[loading.topic].times == 4


def test_a_fault_of_silver_is_no_bug_and_hides_no_batch(loading: Loading) -> None:
    """What was committed before is told, as it is by a load; the next turn makes up what silver lacks."""
    loading.publish(a_bare_chart_message("a" * 11))
    loading.load(silver=True)
    silver = Path(silver_path(str(loading.job.lake), loading.contract, loading.contract.table("chart_entry")))
    broken = silver / "_delta_log" / f"{len(list((silver / '_delta_log').glob('*.json'))):020}.json"
    broken.write_text("{broken", encoding="utf-8")
    loading.publish(a_bare_chart_message("b" * 11))
    following = Following([loading], changes={"lake": loading.job.lake, "silver": True})
    seen: list[tuple[str, bool]] = []

    def then(_pause: int) -> bool:
        failing = following.status.failing().get(loading.topic)
        if failing is not None and failing.times >= 2 and not seen:
            seen.append((failing.cause, failing.parked))
            broken.unlink()
        return bool(seen) and failing is None

    following.run(then)
    assert seen == [("LakeBroken", True)]
    assert [batch.messages.read for _, batch in following.batches] == [1]
    assert loading.job.spark.read.format("delta").load(str(silver)).count() == 2

    broken = silver / "_delta_log" / f"{len(list((silver / '_delta_log').glob('*.json'))):020}.json"
    broken.write_text("{broken", encoding="utf-8")
    loading.publish(a_bare_chart_message("c" * 11))
    job = replace(loading.job, silver=True, attempts=1)
    (report,), failure = run_each(job, [loading.contract], load_topic)
    assert isinstance(failure, LakeBroken)
    assert (report.messages.read, report.note) == (1, str(failure))


def test_waits_double_up_to_a_limit() -> None:
    """Spread a little, so that many don't come back at once; what needs a person is looked at every so often."""
    pace = Pace(first_seconds=1.0, longest_seconds=60.0)
    for times, longest in ((1, 1.0), (2, 2.0), (5, 16.0), (50, 60.0)):
        waits = {pace.wait(times, parked=False) for _ in range(50)}
        assert longest / 2 <= min(waits) <= max(waits) <= longest
        assert len(waits) > 1
    assert pace.wait(1, parked=True) == 60.0


def test_health_is_lost_when_no_topic_can_be_loaded() -> None:
    """One failing topic of two is told and leaves the run healthy, both don't; a run that stops isn't healthy."""
    status = FollowStatus(["charts", "others"])
    assert status.health()[0]
    status.note_failure("charts", Failing(LoadInterrupted("no more connections"), 1, parked=False))
    healthy, facts = status.health()
    assert (healthy, facts["state"]) == (True, "degraded")
    assert facts["failing"] == {"charts": {"cause": "LoadInterrupted", "reason": "no more connections"}}
    status.note_failure("others", Failing(LoadInterrupted("no more connections"), 1, parked=False))
    assert not status.health()[0]
    status.note_success("charts")
    status.note_stop()
    assert (status.health()[0], status.health()[1]["state"]) == (False, "stopping")
