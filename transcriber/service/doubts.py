"""Doubts: a task and a fault that should pass go in; whether the fault is of that task's video comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transcriber.faults import FetchRefused, LookRefused, MachineFault

if TYPE_CHECKING:
    from transcriber.service.task import Task
    from transcriber.service.tasks import Tasks
    from transcriber.service.work import Work
    from trendscript.errors import TrendscriptError

FAULTS_OF_ONE = (LookRefused, FetchRefused, MachineFault)
"""What may be the matter with one video alone. Others tell nothing: a server may be up now and then."""


def is_the_videos(task: Task, fault: TrendscriptError, tasks: Tasks, work: Work) -> bool:
    """Whether a fault comes back time and again at this video, while another is served what this one is refused.

    YouTube's words for what is the matter with a video may be new, or it may refuse every format of one; a model may
    stop at one audio, or one may be too large for the disk. A bot wall may let looks through and refuse downloads: a
    look tells of looks alone, a download of downloads.
    """
    if not task.is_in_doubt:
        return False
    if isinstance(fault, LookRefused):
        others = tasks.requests_beside(task)
        return bool(others) and work.can_look(others[0])
    if isinstance(fault, FetchRefused):
        return task.others_fetched
    return isinstance(fault, MachineFault) and task.others_served
