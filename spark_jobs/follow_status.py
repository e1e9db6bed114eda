"""What a load that goes on does and has done: told by the one thread that loads, read from any."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spark_jobs.lease_holders import STUCK_AFTER
from spark_jobs.report import TopicTotals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from spark_jobs.report import BatchReport
    from trendscript.errors import TrendscriptError


@dataclass(frozen=True, slots=True)
class Failing:
    """A topic that can't be loaded: why, how many times in a row, and whether a person has to decide."""

    failure: TrendscriptError
    times: int
    parked: bool

    @property
    def cause(self) -> str:
        """The name of the failure; of one from an executor, the name it had there."""
        return getattr(self.failure, "fact", "") or type(self.failure).__name__


class FollowStatus:
    """The state of all topics. Times are the monotonic clock's."""

    def __init__(self, topics: Iterable[str]) -> None:
        self._lock = threading.Lock()
        self._listeners: list[Callable[[str, BatchReport], None]] = []
        self._totals = {topic: TopicTotals(topic) for topic in topics}
        self._failing: dict[str, Failing] = {}
        self._loaded: set[str] = set()
        self._at_work: tuple[str, float] | None = None
        self._last_turn = time.monotonic()
        self._stopping = False

    def note_begin(self, topic: str) -> None:
        """It is a topic's turn."""
        self._at_work = (topic, time.monotonic())

    def note_end(self) -> None:
        """The turn is over, however it ended; or there was nothing to do."""
        self._at_work = None
        self._last_turn = time.monotonic()

    def note_batch(self, topic: str, batch: BatchReport) -> None:
        """A batch is committed."""
        with self._lock:
            self._totals[topic] = self._totals[topic].plus([batch])
        for listener in self._listeners:
            listener(topic, batch)

    def listen(self, listener: Callable[[str, BatchReport], None]) -> None:
        """Have each batch told to `listener`, with its topic, when it is committed."""
        self._listeners.append(listener)

    def note_failure(self, topic: str, failing: Failing) -> None:
        """A topic could not be loaded."""
        with self._lock:
            self._failing[topic] = failing
            self._loaded.discard(topic)

    def note_success(self, topic: str) -> Failing | None:
        """A topic was loaded, or had nothing to load; what was amiss with it before."""
        with self._lock:
            self._loaded.add(topic)
            return self._failing.pop(topic, None)

    def note_stop(self) -> None:
        """Nothing is begun any more."""
        self._stopping = True

    def totals(self) -> list[TopicTotals]:
        """What became of everything since the start, by topic."""
        with self._lock:
            return list(self._totals.values())

    def failing(self) -> dict[str, Failing]:
        """Topics that can't be loaded now."""
        with self._lock:
            return dict(self._failing)

    def loaded(self) -> set[str]:
        """Topics whose last turn went well."""
        with self._lock:
            return set(self._loaded)

    def gravest(self) -> TrendscriptError | None:
        """The failure of those still open that weighs most."""
        failures = [failing.failure for failing in self.failing().values()]
        return max(failures, key=lambda failure: failure.exit_code, default=None)

    def health(self) -> tuple[bool, dict[str, Any]]:
        """Whether topics are being loaded, and what to know about it; all is well while any topic can be."""
        now, failing, at_work = time.monotonic(), self.failing(), self._at_work
        since = now - (at_work[1] if at_work else self._last_turn)
        stuck = since > STUCK_AFTER.total_seconds()
        state = "stopping" if self._stopping else "stuck" if stuck else "degraded" if failing else "working"
        return not stuck and not self._stopping and len(failing) < len(self._totals), {
            "state": state,
            "topic": at_work[0] if at_work else None,
            "seconds": round(since, 1),
            "batches": sum(totals.batches for totals in self.totals()),
            "failing": {topic: {"cause": one.cause, "reason": str(one.failure)} for topic, one in failing.items()},
        }
