"""Fault points: the named places of a load at which tests let it die or wait; elsewhere nobody listens.

Nothing here reads the environment: a test's own `sitecustomize` calls `listen` before the load is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

FaultPoint = Literal[
    "in_plan",  # the plan is written and not committed
    "after_plan",
    "after_bronze",
    "in_copy",  # an Arrow batch of a range has been copied
    "after_copy",
    "in_merge",  # before each table's merge
    "before_commit",
    "after_commit_before_ack",  # the range is durable, and nobody has been told
    "before_finish",
    "after_finish",
]

_listeners: list[Callable[[FaultPoint, int | None], None]] = []


def listen(listener: Callable[[FaultPoint, int | None], None]) -> None:
    """Have every point call `listener` with its name and, on executors, the Kafka partition of the range at work."""
    _listeners.append(listener)


def reach(point: FaultPoint, partition: int | None = None) -> None:
    """Tell that a run is at this point."""
    for listener in _listeners:
        listener(point, partition)
