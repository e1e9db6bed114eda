"""The worker: deliveries go in, work on them goes on beside the poll loop, what may be committed comes out.

Two threads: one brings the audio of the request that is next, the other listens to the one that is first. Requests are
answered in the order they came, so offsets of a partition are finished in order.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

import structlog

from transcriber.audio.disk import disk_faults
from transcriber.faults import LookRefused, Stopped, VideoFault
from transcriber.service.attempts import MOST_STARTS
from transcriber.service.done import Answer
from transcriber.service.work import Brought
from trendscript.contracts.rows import Rejected
from trendscript.errors import InputRefused, NeedsAPerson, TrendscriptError
from trendscript.kafka import MessageTooLarge
from trendscript.transcription_requests import parse_request

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from transcriber.service.attempts import Attempts
    from transcriber.service.consumer import Delivery
    from transcriber.service.done import DoneWork
    from transcriber.service.outbox import Outbox
    from transcriber.service.status import Status
    from transcriber.service.work import Work
    from trendscript.transcription_requests import TranscriptionRequest

_log = structlog.get_logger(__name__)

_AT_HAND = 2
"""Requests whose audio is on the disk: the one that is listened to, and the next."""
_TICK_SECONDS = 0.1
_FAULTS_IN_DOUBT = 4
"""After so many faults that should pass, another video is asked about: if that one can be had, it is this one's."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How faults that are no video's are waited out.

    `total_seconds` is how long altogether before the service ends with the fault; None is for ever. Of bugs in a row,
    `most_bugs` end it.
    """

    total_seconds: float | None
    first_seconds: float = 15.0
    longest_seconds: float = 900.0
    bug_seconds: float = 1.0
    most_bugs: int = 2 * MOST_STARTS

    def wait(self, pauses: int, asked: float | None) -> float:
        """Seconds to wait for the time `pauses` (from 0), where the other side asked for so many."""
        usual = min(self.first_seconds * 2.0 ** min(pauses, 30), self.longest_seconds)
        return usual if asked is None else max(asked, min(usual, self.first_seconds))


@dataclass(eq=False, slots=True)
class _Task:
    """A delivery being worked on. `dropped` is set where its partition went elsewhere."""

    delivery: Delivery
    request: TranscriptionRequest | Rejected
    digest: str
    dropped: threading.Event = field(default_factory=threading.Event)
    bringing: bool = False
    brought: Brought | Answer | Exception | None = None
    begun: bool = False
    faults: int = 0

    @property
    def place(self) -> tuple[int, int]:
        return self.delivery.partition, self.delivery.offset


@dataclass(frozen=True, slots=True)
class Record:
    """What outlives the process: answers, published transcriptions, starts of work."""

    done: DoneWork
    attempts: Attempts


class Worker:
    """Works requests off, beside whoever polls. All public methods are for that one thread.

    `failure` is set when the worker ended by itself: a bug too many, or a fault that outlasted `Patience`.
    """

    def __init__(self, work: Work, record: Record, outbox: Outbox, status: Status, patience: Patience) -> None:
        self.failure: BaseException | None = None
        self._work = work
        self._record = record
        self._outbox = outbox
        self._status = status
        self._patience = patience
        self._turn = threading.Condition()
        self._tasks: deque[_Task] = deque()
        self._finished: deque[Delivery] = deque()
        self._stopping = threading.Event()
        self._resting = False
        self._pauses = 0
        self._waited = 0.0
        self._bugs = 0
        # Daemons: what a blocked request to a server holds up must not hold up the end of the process.
        self._threads = [
            threading.Thread(target=self._bring_all, name="bring", daemon=True),
            threading.Thread(target=self._answer_all, name="listen", daemon=True),
        ]

    def start(self) -> None:
        """Begin to work."""
        for thread in self._threads:
            thread.start()

    def take(self, deliveries: Sequence[Delivery]) -> None:
        """Add what was delivered, but for what is being worked on already."""
        tasks = [_Task(delivery, parse_request(delivery.value), delivery.digest) for delivery in deliveries]
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

    def stop(self, grace: float) -> bool:
        """End at the next segment, and tell within `grace` seconds whether that has happened."""
        self._stopping.set()
        with self._turn:
            self._turn.notify_all()
        end = time.monotonic() + grace
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _stop_of(self, task: _Task) -> Callable[[], bool]:
        return lambda: self._stopping.is_set() or task.dropped.is_set()

    # Bringing.

    def _bring_all(self) -> None:
        while (task := self._next_to_bring()) is not None:
            brought = self._bring(task)
            with self._turn:
                if task in self._tasks and not task.dropped.is_set():
                    task.brought = brought
                elif isinstance(brought, Brought):
                    brought.discard()
                self._turn.notify_all()

    def _next_to_bring(self) -> _Task | None:
        with self._turn:
            while not self._stopping.is_set():
                for task in islice(self._tasks, _AT_HAND):
                    if not (task.bringing or task.dropped.is_set() or self._resting):
                        task.bringing = True
                        return task
                self._turn.wait(_TICK_SECONDS * 10)
        return None

    def _bring(self, task: _Task) -> Brought | Answer | Exception:
        """What there is to listen to; an exception is handed to the listening thread, whose turn it is to judge it."""
        if isinstance(task.request, Rejected):
            return Answer("refused", reason=task.request.reason)
        try:
            known = self._known_answer(task.request, task.digest)
            return known or self._work.bring(task.request, stop=self._stop_of(task))
        except Exception as error:  # noqa: BLE001  (it is raised again in the other thread)
            return error

    def _known_answer(self, request: TranscriptionRequest, digest: str) -> Answer | None:
        """The answer where there is one without any work."""
        kept = self._record.done.read_answer(digest)
        if kept is not None:
            return kept
        if self._record.attempts.count(digest) < MOST_STARTS:
            return None
        detail = f"The work was begun {MOST_STARTS} times, and each time it broke off without an answer."
        return self._work.fail(request, VideoFault("crashes_the_transcriber", detail))

    # Answering.

    def _answer_all(self) -> None:
        try:
            while (task := self._first()) is not None:
                self._answer(task)
        except BaseException as error:  # noqa: BLE001  (whoever polls raises it)
            self.failure = error
        finally:
            self._outbox.close()

    def _first(self) -> _Task | None:
        """The first task with what was brought for it; None when it is time to stop."""
        with self._turn:
            while not self._stopping.is_set():
                while self._tasks and self._tasks[0].dropped.is_set():
                    self._remove(self._tasks[0])
                if self._tasks and self._tasks[0].brought is not None:
                    return self._tasks[0]
                self._turn.wait(_TICK_SECONDS * 10)
        return None

    def _answer(self, task: _Task) -> None:
        try:
            with disk_faults(self._record.done.folder):
                answer = self._publish(task, self._listen(task))
        except Stopped:
            self._withdraw(task)
            self._begin_anew(task)
        except TrendscriptError as fault:
            self._withdraw(task)
            if self._is_the_videos(task, fault):
                self._give_up(task, fault)
            else:
                self._pause(task, fault)
        except Exception as bug:  # noqa: BLE001  (counted, with a ceiling: it must not stop the messages behind it)
            self._note_bug(task, bug)
        else:
            self._finish(task, answer)

    def _listen(self, task: _Task) -> Answer:
        brought = task.brought
        if isinstance(brought, Exception):
            raise brought
        if isinstance(brought, Answer):
            return brought
        if brought is None or isinstance(task.request, Rejected):
            raise LookupError("Nothing was brought.")
        if brought.answer is None:
            self._begin(task)
            self._status.note_begin(task.request.video_id)
        observer = _Observer(self._status, self._record.attempts, task.digest)
        return self._work.listen(task.request, brought, stop=self._stop_of(task), observer=observer)

    def _begin(self, task: _Task) -> None:
        if not task.begun:
            task.begun = True
            self._record.attempts.begin(task.digest)

    def _withdraw(self, task: _Task) -> None:
        """The start was ended on purpose; on a disk that fails it stays counted."""
        if task.begun:
            with suppress(OSError):
                self._record.attempts.withdraw(task.digest)

    def _publish(self, task: _Task, answer: Answer) -> Answer:
        """Keep the answer, then publish it: killed in between, the same bytes are published the next time."""
        if answer.messages:
            self._record.done.keep_answer(task.digest, answer)
        try:
            self._outbox.publish(answer.messages)
        except MessageTooLarge as refusal:
            if isinstance(task.request, Rejected):
                raise
            answer = self._work.fail(task.request, VideoFault("transcript_too_large", str(refusal)))
            self._record.done.keep_answer(task.digest, answer)
            self._outbox.publish(answer.messages)
        if answer.outcome == "transcribed":
            self._record.done.note_published(answer)
            self._work.discard_pieces(answer)
        return answer

    def _finish(self, task: _Task, answer: Answer) -> None:
        self._record.attempts.forget(task.digest)
        self._bugs = self._bugs if answer.reason == "crashes_the_transcriber" else 0
        self._pauses, self._waited = 0, 0.0
        self._status.note_answer(answer)
        _log_answer(task, answer)
        with self._turn:
            self._remove(task)
            if not task.dropped.is_set():
                self._finished.append(task.delivery)
            self._turn.notify_all()

    def _remove(self, task: _Task) -> None:
        self._tasks.remove(task)
        self._discard(task)
        self._turn.notify_all()

    def _begin_anew(self, task: _Task, *, with_audio: bool = False) -> None:
        """Have work on it go on from what is kept; `with_audio` takes the audio that is here, if any."""
        with self._turn:
            if not (with_audio and isinstance(task.brought, Brought)):
                self._discard(task)
                task.bringing = False
            task.begun = False
            self._turn.notify_all()

    def _discard(self, task: _Task) -> None:
        if isinstance(task.brought, Brought):
            task.brought.discard()
        task.brought = None

    # Faults and bugs.

    def _is_the_videos(self, task: _Task, fault: TrendscriptError) -> bool:
        """Whether looks at one video are refused time and again while the next one that waits can be looked at.

        YouTube's words for it may be new: without this, one such video would hold up all behind it for ever. Other
        faults tell nothing: a bot wall may let looks through and refuse downloads.
        """
        if not isinstance(fault, LookRefused):
            return False
        task.faults += 1
        if task.faults < _FAULTS_IN_DOUBT:
            return False
        with self._turn:
            waiting = [one.request for one in self._tasks if not one.dropped.is_set()]
        ours = getattr(task.request, "video_id", None)
        others = [one for one in waiting if not isinstance(one, Rejected) and one.video_id != ours]
        return bool(others) and self._work.can_look(others[0])

    def _give_up(self, task: _Task, fault: TrendscriptError) -> None:
        """Have the task answered with a failure."""
        if isinstance(task.request, Rejected):
            return
        detail = f"Tried {task.faults} times while other videos could be had: {fault}"
        answer = self._work.fail(task.request, VideoFault("unexplained", detail))
        with self._turn:
            task.brought = Brought(answer=answer)

    def _pause(self, task: _Task, fault: TrendscriptError) -> None:
        """Mark nothing, wait, and begin anew; raise the fault where it won't go away while somebody waits for us."""
        seconds = self._patience.wait(self._pauses, getattr(fault, "retry_after", None))
        total = self._patience.total_seconds
        if total is not None and (isinstance(fault, (NeedsAPerson, InputRefused)) or self._waited + seconds > total):
            raise fault
        self._pauses += 1
        self._waited += seconds
        self._status.note_pause(fault)
        _log.warning("paused", seconds=round(seconds, 1), cause=type(fault).__name__, reason=str(fault))
        # A server for speech that is down for a night must not have the audio fetched all night.
        self._rest(task, seconds, with_audio=True)

    def _note_bug(self, task: _Task, bug: Exception) -> None:
        """Count it against the message, which is begun again a few times; too many in a row are no message's fault."""
        self._begin(task)
        self._bugs += 1
        _log.exception("bug", partition=task.delivery.partition, offset=task.delivery.offset, in_a_row=self._bugs)
        if self._bugs >= self._patience.most_bugs:
            raise bug
        self._rest(task, self._patience.bug_seconds)

    def _rest(self, task: _Task, seconds: float, *, with_audio: bool = False) -> None:
        """Bring nothing and listen to nothing for so long, or until there is no reason to wait any more."""
        self._resting = True
        self._begin_anew(task, with_audio=with_audio)
        end = time.monotonic() + seconds
        stop = self._stop_of(task)
        while time.monotonic() < end and not stop():
            time.sleep(min(_TICK_SECONDS, max(0.0, end - time.monotonic())))
        with self._turn:
            self._resting = False
            self._turn.notify_all()


class _Observer:
    """Tells the status how far it is, and the count of starts that this one led somewhere."""

    def __init__(self, status: Status, attempts: Attempts, digest: str) -> None:
        self._status = status
        self._attempts = attempts
        self._digest = digest

    def note_progress(self, seconds: float, of: float) -> None:
        """Tell how far it is."""
        self._status.note_progress(seconds, of)

    def note_kept(self) -> None:
        """Tell that a crash from now on is the first of what is left."""
        self._attempts.note_progress(self._digest)


def _log_answer(task: _Task, answer: Answer) -> None:
    """A refused message is the load job's to quarantine: it reads the same topic under the same contract."""
    about = {"video_id": task.request.video_id} if not isinstance(task.request, Rejected) else {}
    fields = {"partition": task.delivery.partition, "offset": task.delivery.offset, **about}
    if answer.audio_seconds:
        fields |= {"audio_seconds": round(answer.audio_seconds, 1), "seconds": round(answer.seconds, 1)}
    log = _log.warning if answer.outcome == "refused" else _log.info
    log(f"request_{answer.outcome}", reason=answer.reason, **fields)
