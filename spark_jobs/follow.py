"""Follow: topics go in and are loaded batch after batch, each in its turn, until somebody says stop.

A topic that fails waits, longer each time, and the others go on.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog

from spark_jobs.failures import SparkDied
from spark_jobs.follow_status import Failing
from spark_jobs.lag import read_lags
from spark_jobs.lease_holders import TopicBusy
from spark_jobs.load import load_topic
from spark_jobs.session import check_alive
from trendscript.errors import ServerUnreachable, TrendscriptError, TryAgainLater

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from threading import Event

    from spark_jobs.follow_status import FollowStatus
    from spark_jobs.job import LoadJob
    from spark_jobs.lag import Lag
    from trendscript.contracts.model import Contract

_log = structlog.get_logger(__name__)

_MOST_BUGS = 5
"""So many bugs in a row of one topic end the process: a new one may do better, and a person hears of it."""
_LONGEST_SLEEP = 5.0
_BUSY_SECONDS = 10.0


class LoadBroken(TrendscriptError):
    """Raised when a topic's load met a bug, whose traceback is in the log."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a topic is loaded: every so many seconds, and as soon as `min_messages` wait in it, if given.

    A topic that fails is tried again after `first_seconds`, then after twice as long, up to `longest_seconds`; one
    that needs a person, every `longest_seconds`.
    """

    every_seconds: float = 30.0
    min_messages: int | None = None
    look_seconds: float = 1.0
    first_seconds: float = 1.0
    longest_seconds: float = 300.0

    def wait(self, times: int, *, parked: bool) -> float:
        """Seconds until a topic is tried again that has failed `times` in a row."""
        if parked:
            return self.longest_seconds
        usual = min(self.first_seconds * 2.0 ** min(times - 1, 30), self.longest_seconds)
        return usual * random.uniform(0.5, 1.0)  # noqa: S311  (spreads attempts, guards no secret)


@dataclass(slots=True)
class _Turn:
    """A topic, the moment from which on it is to be loaded, and the one before which it is left alone."""

    contract: Contract
    due: float
    rest_until: float = 0.0
    bugs: int = 0

    @property
    def topic(self) -> str:
        return self.contract.topic


class Follower:
    """Loads topics in turns. `show` is called between them, and every few seconds when there is nothing to do.

    `renew` gives the job anew before a topic is tried again that has failed: a password may have changed since.
    """

    def __init__(  # noqa: PLR0913  (what it loads with, what, how often, and who is told)
        self,
        job: LoadJob,
        contracts: Sequence[Contract],
        pace: Pace,
        status: FollowStatus,
        show: Callable[[], None] = lambda: None,
        *,
        renew: Callable[[LoadJob], LoadJob] = lambda job: job,
    ) -> None:
        self._job = replace(job, on_batch=status.note_batch)
        self._pace = pace
        self._status = status
        self._show = show
        self._renew = renew
        self._turns = [_Turn(contract, time.monotonic()) for contract in contracts]

    def follow(self, stop: Event) -> None:
        """Go on until `stop` is set; the batch in hand then is finished first.

        Each turn loads one batch under the topic's lease, so that other commands, and other topics, get theirs.
        Raises SparkDied when there is nothing left to load with, and what a topic's fifth bug in a row was.
        """
        _log.info(
            "follow_started",
            topics=[turn.topic for turn in self._turns],
            every_seconds=self._pace.every_seconds,
            min_messages=self._pace.min_messages,
        )
        try:
            while not stop.is_set():
                check_alive(self._job.spark)
                turn = self._next_turn()
                self._show()
                if turn is None:
                    stop.wait(self._seconds_to_wait())
                elif not stop.is_set():
                    self._take(turn)
                self._status.note_end()
        finally:
            self._status.note_stop()
            failing = {topic: one.cause for topic, one in self._status.failing().items()}
            batches = sum(totals.batches for totals in self._status.totals())
            _log.info("follow_ended", asked=stop.is_set(), batches=batches, failing=failing)

    def _next_turn(self) -> _Turn | None:
        """The topic that has waited longest and has something to load, or may have."""
        now = time.monotonic()
        due = sorted((turn for turn in self._turns if turn.due <= now), key=lambda turn: turn.due)
        if not due and self._pace.min_messages is None:
            return None
        failing, lags = self._status.failing(), self._look()
        for turn in due:
            lag = lags.get(turn.topic)
            if lag is None or not lag.settled or turn.topic in failing:
                return turn
            turn.due = now + self._pace.every_seconds
        return next((turn for turn in self._turns if turn.rest_until <= now and self._is_full(turn, lags)), None)

    def _look(self) -> dict[str, Lag]:
        """What waits; nothing is known where it can't be asked, and the load that is then tried says why."""
        try:
            return read_lags(self._job, [turn.topic for turn in self._turns])
        except TrendscriptError as failure:
            _log.debug("lag_unknown", cause=type(failure).__name__, reason=str(failure))
            return {}

    def _is_full(self, turn: _Turn, lags: dict[str, Lag]) -> bool:
        wanted, lag = self._pace.min_messages, lags.get(turn.topic)
        return wanted is not None and lag is not None and lag.messages >= wanted

    def _seconds_to_wait(self) -> float:
        longest = _LONGEST_SLEEP if self._pace.min_messages is None else self._pace.look_seconds
        soonest = min(turn.due for turn in self._turns) - time.monotonic()
        return max(0.05, min(longest, soonest))

    def _take(self, turn: _Turn) -> None:
        """One batch of the topic, whatever comes of it."""
        self._status.note_begin(turn.topic)
        try:
            with structlog.contextvars.bound_contextvars(topic=turn.topic):
                if turn.topic in self._status.failing():
                    self._job = self._renew(self._job)
                self._load(turn)
        except SparkDied:
            raise
        except TopicBusy as busy:
            self._note_busy(turn, busy)
        except TrendscriptError as failure:
            self._note_failure(turn, failure)
        except Exception as bug:  # noqa: BLE001  (counted, with a ceiling: it must not stop the other topics)
            check_alive(self._job.spark)
            self._note_bug(turn, bug)

    def _load(self, turn: _Turn) -> None:
        """Load one batch; if it took as many messages as one may, more are likely to wait, and it is due again."""
        begun = time.monotonic()
        batches = load_topic(self._job, turn.contract, most_batches=1).batches
        self._note_success(turn)
        full = any(batch.messages.read + batch.messages.skipped >= self._job.max_messages for batch in batches)
        turn.due = time.monotonic() if full else begun + self._pace.every_seconds
        if not batches:
            turn.rest_until = time.monotonic() + self._pace.look_seconds

    def _note_success(self, turn: _Turn) -> None:
        turn.bugs = 0
        before = self._status.note_success(turn.topic)
        if before is not None:
            _log.info("topic_recovered", topic=turn.topic, cause=before.cause, failures=before.times)

    def _note_busy(self, turn: _Turn, busy: TopicBusy) -> None:
        """Somebody else works on the topic, which is no failure unless it takes too long."""
        if busy.stuck:
            self._note_failure(turn, busy)
            return
        _log.debug("topic_busy", topic=turn.topic, reason=str(busy))
        turn.due = turn.rest_until = time.monotonic() + min(self._pace.every_seconds, _BUSY_SECONDS)

    def _note_bug(self, turn: _Turn, bug: Exception) -> None:
        turn.bugs += 1
        _log.exception("bug", topic=turn.topic, in_a_row=turn.bugs)
        if turn.bugs >= _MOST_BUGS:
            raise bug
        self._note_failure(turn, LoadBroken(f"{turn.topic}: unexpected {type(bug).__name__}: {bug}"))

    def _note_failure(self, turn: _Turn, failure: TrendscriptError) -> None:
        """Have the topic wait; a fault that only a person can mend is told when it comes, not each time it is met."""
        before = self._status.failing().get(turn.topic)
        parked = not isinstance(failure, TryAgainLater | ServerUnreachable | LoadBroken)
        failing = Failing(failure, before.times + 1 if before else 1, parked)
        self._status.note_failure(turn.topic, failing)
        seconds = self._pace.wait(failing.times, parked=parked)
        turn.due = turn.rest_until = time.monotonic() + seconds
        about = {"topic": turn.topic, "cause": failing.cause, "reason": str(failure), "seconds": round(seconds, 1)}
        if not parked:
            _log.warning("topic_waits", failures=failing.times, **about)
        elif before is None or before.cause != failing.cause:
            _log.error("topic_parked", **about)
