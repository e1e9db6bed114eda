"""Tasks: deliveries go in, one that is to be brought or answered comes out, in the order they came."""

from __future__ import annotations

import threading
import time
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

from transcriber.faults import FetchRefused, LookRefused
from transcriber.service.brought import Answer, Brought
from transcriber.service.task import Task
from trendscript.contracts.rows import Rejected
from trendscript.transcription_requests import parse_request

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from transcriber.service.consumer import Delivery
    from trendscript.transcription_requests import TranscriptionRequest

_AT_HAND = 2
"""Requests whose audio is on the disk: the one that is listened to, and the next."""
_TICK_SECONDS = 0.1


class Tasks:
    """The tasks at hand, for whoever polls, brings and answers; any thread may ask.

    `was_begun` tells of a message's digest whether the work on it was begun before and never ended.
    """

    def __init__(self, was_begun: Callable[[str], bool]) -> None:
        self._was_begun = was_begun
        self._turn = threading.Condition()
        self._tasks: deque[Task] = deque()
        self._finished: deque[Delivery] = deque()
        self._stopping = threading.Event()
        self._resting = False

    def take(self, deliveries: Sequence[Delivery]) -> None:
        """Add what was delivered, but for what is being worked on already."""
        tasks = [Task(delivery, parse_request(delivery.value), delivery.digest) for delivery in deliveries]
        with self._turn:
            known = {task.place for task in self._tasks if not task.dropped.is_set()}
            self._tasks.extend(task for task in tasks if task.place not in known)
            self._turn.notify_all()

    def drop(self, partitions: set[int]) -> None:
        """Put aside the work on partitions that went elsewhere; what is under way ends at the next segment."""
        with self._turn:
            for task in self._tasks:
                if task.delivery.partition in partitions:
                    task.dropped.set()
            self._finished = deque(one for one in self._finished if one.partition not in partitions)
            self._turn.notify_all()

    def take_finished(self) -> list[Delivery]:
        """Deliveries that are answered, and whose answers are confirmed, since this was last asked."""
        with self._turn:
            finished = list(self._finished)
            self._finished.clear()
            return finished

    def unfinished(self) -> list[Delivery]:
        """Deliveries that are not answered yet."""
        with self._turn:
            return [task.delivery for task in self._tasks if not task.dropped.is_set()]

    def requests_beside(self, task: Task) -> list[TranscriptionRequest]:
        """Requests that wait for other videos than this task's."""
        ours = None if isinstance(task.request, Rejected) else task.request.video_id
        with self._turn:
            waiting = [one.request for one in self._tasks if not one.dropped.is_set()]
        return [one for one in waiting if not isinstance(one, Rejected) and one.video_id != ours]

    def stop(self) -> None:
        """Give out no more tasks, and have those under way end."""
        self._stopping.set()
        with self._turn:
            self._turn.notify_all()

    def stop_of(self, task: Task) -> Callable[[], bool]:
        """What says whether work on a task is to end."""
        return lambda: self._stopping.is_set() or task.dropped.is_set()

    def next_to_bring(self) -> Task | None:
        """Wait for a task that nobody has begun to bring; None when it is time to stop."""
        with self._turn:
            while not self._stopping.is_set():
                task = next(filter(self._may_be_brought, self._at_hand()), None)
                if task is not None:
                    task.bringing = True
                    return task
                self._turn.wait(_TICK_SECONDS * 10)
        return None

    def _at_hand(self) -> list[Task]:
        """The first tasks; beside one that is in doubt, the first of those that may clear it up.

        Audio that was fetched before the doubt tells nothing of fetching: until some was fetched since, one more is,
        before the first is tried again. Where that fails too, no other is tried until after the next rest.
        """
        if not self._tasks or not self._tasks[0].is_in_doubt:
            return list(islice(self._tasks, _AT_HAND))
        first, others = self._tasks[0], self._others(self._tasks[0])
        tried = first.others_fetched or any(isinstance(task.brought, Exception) for task in others)
        fresh = [] if tried else [task for task in others if task.brought is None]
        return [*fresh[:1], first, *others[: _AT_HAND - 1]]

    def _others(self, task: Task) -> list[Task]:
        """Tasks of other videos that are still to be done, the likeliest to be had first.

        Those that may have ended a process come last, before them those that were tried already.
        """
        found = [one for one in self._tasks if not one.is_settled and one.is_apart_from(task)]
        return sorted(found, key=lambda one: (self._was_begun(one.digest), one.tries))

    def _may_be_brought(self, task: Task) -> bool:
        """Whether it is time to.

        What may have ended a process before is brought beside no other work, which would be taken for what ended it.
        """
        first = self._tasks[0]
        if task.bringing or task.dropped.is_set() or self._resting:
            return False
        alone = first.is_in_doubt and first.brought is None and not first.bringing
        return task is first or alone or not self._was_begun(task.digest)

    def put_brought(self, task: Task, brought: Brought | Answer | Exception) -> None:
        """What was brought for a task; it is deleted where nobody works on that any more."""
        with self._turn:
            if task in self._tasks and not task.dropped.is_set():
                task.brought = brought
                first = self._tasks[0]
                if isinstance(brought, Brought) and task.fault_kind in {LookRefused, FetchRefused}:
                    task.forget_faults()
                if first.is_in_doubt and task.may_clear_up(first):
                    first.others_fetched = True
            elif isinstance(brought, Brought):
                brought.discard()
            self._turn.notify_all()

    def first(self) -> Task | None:
        """Wait until there is something brought for the first task; None when it is time to stop."""
        with self._turn:
            while not self._stopping.is_set():
                while self._tasks and self._tasks[0].dropped.is_set():
                    self._remove(self._tasks[0])
                if self._tasks and self._tasks[0].brought is not None:
                    return self._tasks[0]
                self._turn.wait(_TICK_SECONDS * 10)
        return None

    def another(self, task: Task) -> Task | None:
        """The next task whose audio is here, and of another video."""
        with self._turn:
            return next((one for one in self._tasks if one.may_clear_up(task)), None)

    def doubt_fetching(self, task: Task) -> None:
        """See to it that the audio of another video is fetched; what was fetched before may have to go for it."""
        with self._turn:
            others = self._others(task)
            if others and not task.others_fetched and all(one.brought is not None for one in others):
                others[0].take_back()

    def put_by(self, task: Task, answer: Answer) -> None:
        """The task is answered before its turn has come: it waits for that, without its audio."""
        with self._turn:
            task.discard()
            if not task.dropped.is_set():
                task.brought = answer
            if answer.outcome == "transcribed":
                self._tasks[0].others_served = True
            if isinstance(self._tasks[0].brought, Exception):  # a fault of before tells nothing
                self._tasks[0].take_back()
            self._turn.notify_all()

    def finish(self, task: Task) -> None:
        """The task is answered, and its answer confirmed."""
        with self._turn:
            self._remove(task)
            if not task.dropped.is_set():
                self._finished.append(task.delivery)

    def _remove(self, task: Task) -> None:
        self._tasks.remove(task)
        task.discard()
        self._turn.notify_all()

    def begin_anew(self, task: Task, *, with_audio: bool = False) -> None:
        """Have work on it go on from what is kept; `with_audio` takes the audio that is here, if any."""
        with self._turn:
            if not (with_audio and isinstance(task.brought, Brought)):
                task.take_back()
            task.begun = False
            self._turn.notify_all()

    def rest(self, task: Task, seconds: float, *, with_audio: bool = False) -> None:
        """Bring nothing for so long, or until there is no reason to wait any more; the task is then begun anew."""
        self._resting = True
        self.begin_anew(task, with_audio=with_audio)
        end = time.monotonic() + seconds
        stop = self.stop_of(task)
        while time.monotonic() < end and not stop():
            time.sleep(min(_TICK_SECONDS, max(0.0, end - time.monotonic())))
        with self._turn:
            self._resting = False
            for one in self._tasks:
                if isinstance(one.brought, Exception):  # a fault of before tells nothing
                    one.take_back()
                    one.tries += 1
            self._turn.notify_all()
