"""Reading in parallel: named tasks go in; each one's result or failure comes out as soon as it is there."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from trendscript.errors import TrendscriptError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Task = TypeVar("Task")
Result = TypeVar("Result")

# The deepest chart ever seen had 200 entries, 4 pages; repeats of a busy API included, 20 are far away.
UNITS_A_READING = 20


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Task, Result]):
    """How one task ended: with a result, or with a failure that concerns this task."""

    task: Task
    result: Result | None
    failure: TrendscriptError | None


def read_all(
    tasks: Sequence[Task], read: Callable[[Task], Result], *, workers: int, stop: Callable[[], None]
) -> Iterator[Outcome[Task, Result]]:
    """Run `read` over the tasks, at most `workers` at once, and yield outcomes as they end.

    A known failure belongs to its task and stops no other; anything else is a bug and is raised. When
    whoever takes the outcomes gives up, `stop` is called, which must let the reads under way end soon.
    """
    with ThreadPoolExecutor(workers, thread_name_prefix="reading") as pool:
        try:
            # No list of the futures is kept: each would hold its reading in memory until the last one ends.
            for future in as_completed([pool.submit(_attempt, task, read) for task in tasks]):
                yield future.result()
        except BaseException:  # a bug, Ctrl-C, or the generator closed: don't read on for nobody
            stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _attempt(task: Task, read: Callable[[Task], Result]) -> Outcome[Task, Result]:
    try:
        return Outcome(task, read(task), None)
    except TrendscriptError as failure:
        return Outcome(task, None, failure)


def plan_workers(readings: int, *, units_left: int, at_most: int) -> int:
    """How many readings may run at once.

    One where the units could run out: several would each spend some and none be finished.
    """
    if units_left < readings * UNITS_A_READING:
        return 1
    return max(1, min(at_most, readings))
