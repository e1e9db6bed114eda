"""The worker: deliveries go in, work on them goes on beside the poll loop, what may be committed comes out.

Two threads: one brings the audio of the request that is next, the other listens to the one that is first. Requests are
answered in the order they came, so offsets of a partition are finished in order.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from transcriber.audio.disk import disk_faults
from transcriber.faults import LookRefused, Stopped, VideoFault
from transcriber.service.attempts import MOST_STARTS
from transcriber.service.brought import Answer, Brought
from transcriber.service.tasks import Tasks
from trendscript.contracts.rows import Rejected
from trendscript.errors import InputRefused, NeedsAPerson, TrendscriptError
from trendscript.kafka import MessageTooLarge

if TYPE_CHECKING:
    from transcriber.service.attempts import Attempts
    from transcriber.service.done import DoneWork
    from transcriber.service.outbox import Outbox
    from transcriber.service.patience import Patience
    from transcriber.service.status import Status
    from transcriber.service.tasks import Task
    from transcriber.service.work import Work
    from trendscript.transcription_requests import TranscriptionRequest

_log = structlog.get_logger(__name__)

_FAULTS_IN_DOUBT = 4
"""After so many faults that should pass, another video is asked about: if that one can be had, it is this one's."""


@dataclass(frozen=True, slots=True)
class Record:
    """What outlives the process: answers, published transcriptions, starts of work."""

    done: DoneWork
    attempts: Attempts


class Worker:
    """Works `tasks` off, beside whoever polls and fills them.

    `failure` is set when the worker ended by itself: a bug too many, or a fault that outlasted `Patience`.
    """

    def __init__(self, work: Work, record: Record, outbox: Outbox, status: Status, patience: Patience) -> None:
        self.tasks = Tasks()
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
        return not any(thread.is_alive() for thread in self._threads)

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
            return known or self._work.bring(task.request, stop=self.tasks.stop_of(task))
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

    def _answer(self, task: Task) -> None:
        try:
            with disk_faults(self._record.done.folder):
                answer = self._publish(task, self._listen(task))
        except Stopped:
            self._withdraw(task)
            self.tasks.begin_anew(task)
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
        observer = _Observer(self._status, self._record.attempts, task.digest)
        return self._work.listen(task.request, brought, stop=self.tasks.stop_of(task), observer=observer)

    def _begin(self, task: Task) -> None:
        if not task.begun:
            task.begun = True
            self._record.attempts.begin(task.digest)

    def _withdraw(self, task: Task) -> None:
        """The start was ended on purpose; on a disk that fails it stays counted."""
        if task.begun:
            with suppress(OSError):
                self._record.attempts.withdraw(task.digest)

    def _publish(self, task: Task, answer: Answer) -> Answer:
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

    def _finish(self, task: Task, answer: Answer) -> None:
        self._record.attempts.forget(task.digest)
        self._bugs = self._bugs if answer.reason == "crashes_the_transcriber" else 0
        self._pauses, self._waited = 0, 0.0
        self._status.note_answer(answer)
        _log_answer(task, answer)
        self.tasks.finish(task)

    # Faults and bugs.

    def _is_the_videos(self, task: Task, fault: TrendscriptError) -> bool:
        """Whether looks at one video are refused time and again while the next one that waits can be looked at.

        YouTube's words for it may be new: without this, one such video would hold up all behind it for ever. Other
        faults tell nothing: a bot wall may let looks through and refuse downloads.
        """
        if not isinstance(fault, LookRefused):
            return False
        task.faults += 1
        if task.faults < _FAULTS_IN_DOUBT:
            return False
        others = self.tasks.requests_beside(task)
        return bool(others) and self._work.can_look(others[0])

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
        self._bugs += 1
        _log.exception("bug", partition=task.delivery.partition, offset=task.delivery.offset, in_a_row=self._bugs)
        if self._bugs >= self._patience.most_bugs:
            raise bug
        self.tasks.rest(task, self._patience.bug_seconds)


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


def _log_answer(task: Task, answer: Answer) -> None:
    """A refused message is the load job's to quarantine: it reads the same topic under the same contract."""
    about = {"video_id": task.request.video_id} if not isinstance(task.request, Rejected) else {}
    fields = {"partition": task.delivery.partition, "offset": task.delivery.offset, **about}
    if answer.audio_seconds:
        fields |= {"audio_seconds": round(answer.audio_seconds, 1), "seconds": round(answer.seconds, 1)}
    log = _log.warning if answer.outcome == "refused" else _log.info
    log(f"request_{answer.outcome}", reason=answer.reason, **fields)
