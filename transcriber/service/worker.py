"""The worker: deliveries go in, work on them goes on beside the poll loop, what may be committed comes out.

Two threads: one brings the audio of the request that is next, the other listens to the one that is first. Requests are
answered in the order they came, so offsets of a partition are finished in order.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import structlog

from transcriber.audio.disk import disk_faults
from transcriber.faults import FetchRefused, MachineFault, Stopped, VideoFault
from transcriber.service.attempts import MOST_STARTS
from transcriber.service.brought import Answer, Brought
from transcriber.service.doubts import FAULTS_OF_ONE, is_the_videos
from transcriber.service.tasks import Tasks
from transcriber.service.telling import TaskObserver, log_answer
from trendscript.contracts.rows import Rejected
from trendscript.errors import InputRefused, NeedsAPerson, TrendscriptError
from trendscript.kafka import MessageTooLarge

if TYPE_CHECKING:
    from transcriber.service.outbox import Outbox
    from transcriber.service.patience import Patience
    from transcriber.service.record import Record
    from transcriber.service.status import Status
    from transcriber.service.task import Task
    from transcriber.service.work import Work
    from trendscript.transcription_requests import TranscriptionRequest

_log = structlog.get_logger(__name__)


class Worker:
    """Works `tasks` off, beside whoever polls and fills them.

    `failure` is set when the worker ended by itself: a bug too many, or a fault that outlasted `Patience`.
    """

    def __init__(self, work: Work, record: Record, outbox: Outbox, status: Status, patience: Patience) -> None:
        self.tasks = Tasks(lambda digest: record.attempts.count(digest) > 0)
        self.failure: BaseException | None = None
        self._work = work
        self._record = record
        self._outbox = outbox
        self._status = status
        self._patience = patience
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

    def stop(self, grace: float) -> bool:
        """End at the next segment, and tell within `grace` seconds whether that has happened."""
        self.tasks.stop()
        end = time.monotonic() + grace
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        if any(thread.is_alive() for thread in self._threads):
            self._record.attempts.withdraw_all()
            return False
        return True

    # Bringing.

    def _bring_all(self) -> None:
        while (task := self.tasks.next_to_bring()) is not None:
            self.tasks.put_brought(task, self._bring(task))

    def _bring(self, task: Task) -> Brought | Answer | Exception:
        """What there is to listen to; an exception is handed to the listening thread, whose turn it is to judge it."""
        if isinstance(task.request, Rejected):
            return Answer("refused", reason=task.request.reason)
        try:
            known = self._known_answer(task.request, task.digest)
            if known is not None:
                return known
            with self._record.attempts.counted(task.digest):
                return self._work.bring(task.request, stop=self.tasks.stop_of(task))
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
            while (task := self.tasks.first()) is not None:
                self._answer(task)
        except BaseException as error:  # noqa: BLE001  (whoever polls raises it)
            self.failure = error
        finally:
            self._outbox.close()

    def _answer(self, task: Task, *, early: bool = False) -> None:
        """Have a task answered; `early` only keeps the answer, as its turn to be published has not come."""
        try:
            with disk_faults(self._record.folder):
                answer = self._listen(task)
                if early:
                    self._keep(task, answer)
                else:
                    answer = self._publish(task, answer)
        except Stopped:
            self._withdraw(task)
            self.tasks.begin_anew(task)
        except TrendscriptError as fault:
            self._withdraw(task)
            if early:
                self._pause(task, fault)
            else:
                self._note_fault(task, fault)
        except Exception as bug:  # noqa: BLE001  (counted, with a ceiling: it must not stop the messages behind it)
            self._note_bug(task, bug)
        else:
            if early:
                self._withdraw(task)
                self.tasks.put_by(task, answer)
            else:
                self._finish(task, answer)

    def _listen(self, task: Task) -> Answer:
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
        observer = TaskObserver(self._status, self._record.attempts, task)
        return self._work.listen(task.request, brought, stop=self.tasks.stop_of(task), observer=observer)

    def _begin(self, task: Task) -> None:
        if not task.begun:
            task.begun = True
            self._record.attempts.begin(task.digest)

    def _withdraw(self, task: Task) -> None:
        """The start was ended on purpose."""
        if task.begun:
            task.begun = False
            self._record.attempts.withdraw(task.digest)

    def _keep(self, task: Task, answer: Answer) -> None:
        if answer.messages:
            self._record.done.keep_answer(task.digest, answer)

    def _publish(self, task: Task, answer: Answer) -> Answer:
        """Keep the answer, then publish it: killed in between, the same bytes are published the next time."""
        self._keep(task, answer)
        try:
            self._outbox.publish(answer.messages)
        except MessageTooLarge as refusal:
            if isinstance(task.request, Rejected):
                raise
            answer = self._work.fail(task.request, VideoFault("transcript_too_large", str(refusal)))
            self._keep(task, answer)
            self._outbox.publish(answer.messages)
        if answer.outcome == "transcribed":
            self._record.done.note_published(answer)
            self._work.discard_pieces(answer)
        return answer

    def _finish(self, task: Task, answer: Answer) -> None:
        self._record.attempts.forget(task.digest)
        self._bugs = self._bugs if answer.reason == "crashes_the_transcriber" else 0
        self._pauses, self._waited = 0, 0.0
        self._status.note_answer(answer)
        log_answer(task, answer)
        self.tasks.finish(task)

    # Faults and bugs.

    def _note_fault(self, task: Task, fault: TrendscriptError) -> None:
        """Wait, unless it is this video's: one alone must not hold up all behind it for ever."""
        if isinstance(fault, FAULTS_OF_ONE):
            task.note_fault(type(fault))
        if is_the_videos(task, fault, self.tasks, self._work):
            self._give_up(task, fault)
            return
        if task.is_in_doubt and isinstance(fault, FetchRefused):
            self.tasks.doubt_fetching(task)
        other = self.tasks.another(task) if task.is_in_doubt and isinstance(fault, MachineFault) else None
        if other is None:
            self._pause(task, fault)
            return
        _log.warning("another_tried", cause=type(fault).__name__, reason=str(fault), faults=task.faults)
        self.tasks.begin_anew(task, with_audio=True)
        self._answer(other, early=True)

    def _give_up(self, task: Task, fault: TrendscriptError) -> None:
        """Have the task answered with a failure."""
        if isinstance(task.request, Rejected):
            return
        detail = f"Tried {task.faults} times while other videos could be had: {fault}"
        self.tasks.put_brought(task, self._work.fail(task.request, VideoFault("unexplained", detail)))

    def _pause(self, task: Task, fault: TrendscriptError) -> None:
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
        self.tasks.rest(task, seconds, with_audio=True)

    def _note_bug(self, task: Task, bug: Exception) -> None:
        """Count it against the message, which is begun again a few times; too many in a row are no message's fault."""
        self._begin(task)
        self._record.attempts.blame(task.digest)
        self._bugs += 1
        _log.exception("bug", partition=task.delivery.partition, offset=task.delivery.offset, in_a_row=self._bugs)
        if self._bugs >= self._patience.most_bugs:
            raise bug
        self.tasks.rest(task, self._patience.bug_seconds)
