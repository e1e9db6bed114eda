"""The driver of a load dies by SIGKILL, alone or with all that it started; the same command is run again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.orders import Order

if TYPE_CHECKING:
    from tests.faults.cold import ColdScene


@pytest.mark.case("1", cold=True, short=False)
def test_the_driver_dies_before_its_plan_is_durable(cold: ColdScene) -> None:
    """There is no plan, and the next load makes one."""
    cold.kill(Order("in_plan", "hold"), cold.chance.choice(["all", "driver"]))
    cold.judge()


@pytest.mark.case("1", cold=True)
def test_the_driver_dies_after_its_plan(cold: ColdScene) -> None:
    """The next load reads the very same ranges."""
    cold.kill(Order("after_plan", "hold"), cold.chance.choice(["all", "driver"]))
    cold.judge()


@pytest.mark.case("2", cold=True, short=False)
def test_the_driver_dies_after_bronze(cold: ColdScene) -> None:
    """The batch is in the lake and not in Postgres: Delta skips it, Postgres gets all of it."""
    cold.kill(Order("after_bronze", "hold"), cold.chance.choice(["all", "driver"]))
    cold.judge()


@pytest.mark.case("3", cold=True, short=False)
def test_a_load_dies_between_copy_and_merge(cold: ColdScene) -> None:
    """Driver, Java or both die while a worker has staged its rows; where the worker lives on, it ends in vain."""
    cold.kill(Order("after_copy", "hold"), cold.chance.choice(["all", "driver", "java"]))
    cold.judge()


@pytest.mark.case("4", cold=True)
def test_a_load_dies_before_a_commit(cold: ColdScene) -> None:
    """A worker that is left may try to commit while the next load is at it: one of the two counts."""
    point = cold.chance.choice(["before_commit", "in_merge"])
    cold.kill(Order(point, "hold", (cold.chance.randint(1, 3),)), cold.chance.choice(["all", "driver", "java"]))
    cold.judge()


@pytest.mark.case("5", cold=True, short=False)
def test_a_load_dies_after_a_commit(cold: ColdScene) -> None:
    """The range is durable, and nobody was told."""
    cold.kill(Order("after_commit_before_ack", "hold"), cold.chance.choice(["all", "driver", "java"]))
    cold.judge()


@pytest.mark.case("4", cold=True, short=False)
def test_the_driver_dies_before_and_after_it_finishes(cold: ColdScene) -> None:
    """All ranges are committed; the batch is, or is not yet."""
    point = cold.chance.choice(["before_finish", "after_finish"])
    cold.kill(Order(point, "hold"), cold.chance.choice(["all", "driver"]))
    cold.judge()
