"""The record of the work on this machine: a folder goes in; what outlives the process comes out, the old pruned."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from transcriber.service.attempts import Attempts
from transcriber.service.done import DoneWork
from trendscript.contracts import load_contract
from trendscript.transcription_requests import TOPIC

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

_log = structlog.get_logger(__name__)

_SECONDS_A_DAY = 86_400
_PIECES_DAYS = 7
_PUBLISHED_PIECES_DAYS = 1


class Record:
    """Answers, published transcriptions, starts of work, and pieces that are done, in files of a folder.

    Losing any of it loses no result: work is then done again. `origin` names the topic that results go to. Several
    processes may use one folder.
    """

    def __init__(self, folder: Path, origin: str) -> None:
        self.folder = folder
        self.done = DoneWork(folder, origin)
        self.attempts = Attempts(folder / "attempts")
        self.pieces = folder / "pieces"

    def prune(self, *, now: float | None = None) -> None:
        """Delete what is of no use any more; a disk that fails is none of this, and keeps it for the next time.

        - Published transcriptions and answers: once their topic has forgotten them, as by then the warehouse has them.
        - Starts: once the topic of requests has forgotten the message.
        - Pieces: a week after the last one came, or a day where their transcription is published: another process of
          this home may be doing it anew.
        """
        now = time.time() if now is None else now
        results = load_contract("youtube_transcription").retention_days
        requests = load_contract(TOPIC).retention_days
        for name, days in (("done", results), ("answers", results), ("attempts", requests)):
            files = [path for path in (self.folder / name).rglob("*") if path.is_file()]
            _delete(name, files, before=now - days * _SECONDS_A_DAY)
        published, others = _partition(self.pieces.glob("*"), lambda path: self.done.is_published(path.name))
        _delete("pieces", published, before=now - _PUBLISHED_PIECES_DAYS * _SECONDS_A_DAY)
        _delete("pieces", others, before=now - _PIECES_DAYS * _SECONDS_A_DAY)


def _partition(paths: Iterable[Path], holds: Callable[[Path], bool]) -> tuple[list[Path], list[Path]]:
    parts: tuple[list[Path], list[Path]] = ([], [])
    for path in paths:
        parts[not holds(path)].append(path)
    return parts


def _delete(kind: str, paths: Iterable[Path], *, before: float) -> None:
    """Delete files and folders that nobody has written to since; a folder's own time is that of its newest file."""
    deleted = 0
    for path in paths:
        with suppress(OSError):  # another process of this home may be at the same
            if path.stat().st_mtime < before:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
                deleted += 1
    if deleted:
        _log.info("pruned", kind=kind, deleted=deleted)
