"""A Python worker of Spark dies by SIGKILL in the middle of a range; the session it belonged to lives on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.orders import Order

if TYPE_CHECKING:
    from tests.faults.scene import WarmScene

_ONCE, _TWICE, _ALWAYS = (1,), (1, 2), (1, 2, 3, 4)


def a_kill(scene: WarmScene, point: str, *, visits: int = 1) -> Order:
    """Kill the worker of some partition at a point: once, twice, or at each of a run's four attempts."""
    hits = scene.chance.choice([_ONCE, _ONCE, _TWICE, _ALWAYS])
    late = scene.chance.randrange(visits)
    return Order(point, "kill", tuple(hit + late for hit in hits), scene.chance.randrange(scene.partitions))


def some_messages(scene: WarmScene) -> None:
    """Enough for every partition, in one publication or two loads' worth."""
    if scene.chance.random() < 0.4:
        scene.tell(60)
        scene.load()
    scene.tell(150)


@pytest.mark.case("3, 10")
def test_a_worker_dies_while_rows_are_copied(scene: WarmScene) -> None:
    """What was copied belongs to the attempt and goes with it; another attempt copies all of it again."""
    some_messages(scene)
    scene.strike(a_kill(scene, "in_copy"))


@pytest.mark.case("3")
def test_a_worker_dies_between_copy_and_merge(scene: WarmScene) -> None:
    """The staged rows vanish with their transaction, and are merged once, by the attempt that ends."""
    some_messages(scene)
    scene.strike(a_kill(scene, "after_copy"))


@pytest.mark.case("4")
def test_a_worker_dies_between_two_merges(scene: WarmScene) -> None:
    """Some tables are merged and others not when it dies: neither shows."""
    some_messages(scene)
    scene.strike(a_kill(scene, "in_merge", visits=3))


@pytest.mark.case("4")
def test_a_worker_dies_before_its_commit(scene: WarmScene) -> None:
    """All statements have run, and none counts."""
    some_messages(scene)
    scene.strike(a_kill(scene, "before_commit"))


@pytest.mark.case("6")
def test_a_worker_dies_after_its_commit(scene: WarmScene) -> None:
    """The range is durable and nobody was told; the next attempt finds it so and loads nothing again."""
    some_messages(scene)
    partition = scene.chance.randrange(scene.partitions)
    scene.strike(Order("after_commit_before_ack", "kill", _ONCE, partition))


@pytest.mark.case("3, 4, 6")
def test_workers_die_everywhere_in_small_batches(scene: WarmScene) -> None:
    """Several deaths at several points of a load of many batches."""
    scene.tell(200)
    points = scene.chance.sample(["in_copy", "after_copy", "in_merge", "before_commit", "after_commit_before_ack"], 3)
    orders = [Order(point, "kill", (scene.chance.randint(1, 5),)) for point in points]
    scene.strike(*orders, max_messages=60)
