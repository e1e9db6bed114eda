"""Telling: what happens to a task goes in; the status, the count of its starts and the log know of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from trendscript.contracts.rows import Rejected

if TYPE_CHECKING:
    from transcriber.service.attempts import Attempts
    from transcriber.service.brought import Answer
    from transcriber.service.status import Status
    from transcriber.service.task import Task

_log = structlog.get_logger(__name__)


class TaskObserver:
    """Tells the status how far it is, and the count of starts that this one led somewhere."""

    def __init__(self, status: Status, attempts: Attempts, task: Task) -> None:
        self._status = status
        self._attempts = attempts
        self._task = task

    def note_progress(self, seconds: float, of: float) -> None:
        """Tell how far it is."""
        self._status.note_progress(seconds, of)

    def note_kept(self) -> None:
        """Tell that a crash or fault from now on is the first of what is left."""
        self._attempts.note_progress(self._task.digest)
        self._task.forget_faults()


def log_answer(task: Task, answer: Answer) -> None:
    """A refused message is the load job's to quarantine: it reads the same topic under the same contract."""
    about = {"video_id": task.request.video_id} if not isinstance(task.request, Rejected) else {}
    fields = {"partition": task.delivery.partition, "offset": task.delivery.offset, **about}
    if answer.audio_seconds:
        fields |= {"audio_seconds": round(answer.audio_seconds, 1), "seconds": round(answer.seconds, 1)}
    log = _log.warning if answer.outcome == "refused" else _log.info
    log(f"request_{answer.outcome}", reason=answer.reason, **fields)
