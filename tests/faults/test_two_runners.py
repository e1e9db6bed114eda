"""Two runners at once, and runners that come back from the dead: one of them loads, or both with one result."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from spark_jobs.lease_holders import TopicBusy
from spark_jobs.plan import plan_batch
from spark_jobs.run_batch import run_next_batch
from tests.faults.oracle import read_bronze
from tests.faults.orders import Order
from tests.faults.scene import beside
from trendscript.errors import TryAgainLater

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2 spells its classes small)

    from spark_jobs.batch import Batch
    from tests.faults.scene import WarmScene

_ENDED_WITHIN = 60


def without_lease(scene: WarmScene, start: threading.Barrier | None = None) -> Exception | None:
    """Run the next batch as a runner does that believes it holds the lease; a failure that passes comes back."""
    ends = scene.state().end

    def plan(connection: Connection) -> Batch | None:
        return plan_batch(connection, scene.contract, scene.state, ends, scene.job.max_messages)

    if start is not None:
        start.wait()
    try:
        run_next_batch(replace(scene.job, lake=None), scene.contract, plan)
    except TryAgainLater as failure:
        return failure
    return None


@pytest.mark.case("8")
def test_a_second_runner_stands_back(scene: WarmScene) -> None:
    """While a load is at work, another says who is and touches nothing."""
    scene.tell(100)
    point = scene.chance.choice(["after_plan", "after_copy", "before_commit"])
    scene.order(Order(point, "hold"))
    with scene.loading() as running:
        scene.faults.wait(alive=lambda: not running.done())
        with pytest.raises(TopicBusy):
            scene.load()
    scene.recover()
    scene.judge()


@pytest.mark.case("8")
def test_two_runners_past_the_lease_load_each_range_once(scene: WarmScene) -> None:
    """Both plan at once, which ends as one plan, and both run it: locks on ranges and positions let one through."""
    scene.tell(150)
    start = threading.Barrier(2)
    scene.order(Order("after_plan", "hold", (1, 2)))
    with beside(lambda: without_lease(scene, start)) as one, beside(lambda: without_lease(scene, start)) as two:
        scene.faults.wait(count=2)
        scene.fault_now()
        # Each range takes its time, so that two attempts at it meet.
        scene.order(Order("in_copy", "sleep", (1, 2, 3), seconds=0.7))
        one.result()
        two.result()
    assert scene.query("select count(*) from pipeline.batch") == [(1,)]
    scene.recover()
    scene.judge(with_bronze=False)


@pytest.mark.case("8")
def test_a_runner_wakes_up_after_another_has_loaded(scene: WarmScene) -> None:
    """Held between plan and reading, its whole batch is loaded by another meanwhile: it finds nothing to do."""
    scene.tell(150)
    scene.order(Order("after_plan", "hold"))
    with beside(lambda: without_lease(scene)) as late:
        scene.faults.wait(alive=lambda: not late.done())
        scene.load()
        scene.faults.withdraw()
        late.result()
    scene.recover()
    scene.judge(with_bronze=False)


@pytest.mark.case("8, 4")
def test_a_stalled_attempt_is_ended_within_a_minute(scene: WarmScene) -> None:
    """A worker stalls with a range's lock in its hands; the runner that comes next ends it and loads the range."""
    scene.tell(150)
    scene.order(Order(scene.chance.choice(["in_merge", "before_commit"]), "hold"))
    with beside(lambda: without_lease(scene)) as stalled:
        scene.faults.wait(alive=lambda: not stalled.done())
        begun = time.monotonic()
        failure = without_lease(scene)
        assert failure is None
        assert time.monotonic() - begun < _ENDED_WITHIN
        scene.recovered()
        scene.faults.withdraw()
        stalled.result()
    scene.load()
    scene.judge(with_bronze=False)


@pytest.mark.case("8")
def test_a_database_of_yesterday_loads_on(scene: WarmScene) -> None:
    """Put back to an earlier state, it loads again what came since; Delta, which is ahead, drops none of it."""
    scene.tell(100)
    scene.load()
    name, kept = scene.dsn.rpartition("/")[2], f"kept_{time.time_ns()}"
    scene.administer(f"create database {kept} template {name}")
    scene.tell(100)
    scene.load()
    scene.fault_now()
    scene.administer(f"drop database {name} with (force)")
    scene.administer(f"alter database {kept} rename to {name}")
    scene.tell(50)
    scene.order()
    scene.recover()
    scene.judge(with_bronze=False)  # what was loaded twice is in the lake twice; its readers take one
    if scene.bronze is not None:
        held = read_bronze(scene.bronze).select(["partition", "offset"]).to_pylist()
        assert {(row["partition"], row["offset"]) for row in held} == {message.place for message in scene.log}
