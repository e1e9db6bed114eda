"""How often work on a message was begun and never ended: starts and signs of progress go in, a count comes out.

A file that makes the model's library crash takes the whole process with it. The message then comes again, and without
a count that outlives the process it would come for ever.
"""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from transcriber.service.done import save_whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_STARTS = 5
"""After so many starts without any progress between them, a message is not begun again."""


class Attempts:
    """Counts starts by message, in files of a folder; for any thread. A disk that fails raises OSError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._under_way: Counter[str] = Counter()
        folder.mkdir(parents=True, exist_ok=True)

    def count(self, digest: str) -> int:
        """Starts since the last progress, of which none ended."""
        try:
            return int((self._folder / digest).read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            return 0

    @contextmanager
    def counted(self, digest: str) -> Iterator[None]:
        """Work that counts only if the process does not outlive it."""
        self.begin(digest)
        try:
            yield
        finally:
            self.withdraw(digest)

    def begin(self, digest: str) -> None:
        """Count a start, before anything that may crash."""
        with self._lock:
            self._under_way[digest] += 1
            self._write(digest, self.count(digest) + 1)

    def note_progress(self, digest: str) -> None:
        """Something is done that need not be done again: this start is the first of what is left."""
        with self._lock:
            if self.count(digest) != 1:
                self._write(digest, 1)

    def withdraw(self, digest: str) -> None:
        """A start that ended, or was ended on purpose, counts for nothing; on a disk that fails it stays counted."""
        with self._lock, suppress(OSError):
            self._withdraw(digest)

    def withdraw_all(self) -> None:
        """The process is going to end, on purpose, amid all that is under way."""
        with self._lock, suppress(OSError):
            for digest in tuple(self._under_way.elements()):
                self._withdraw(digest)

    def blame(self, digest: str) -> None:
        """The message is why a start broke off: it stays counted, though the process lives on."""
        with self._lock:
            self._under_way[digest] -= 1

    def forget(self, digest: str) -> None:
        """The message is answered."""
        with self._lock:
            self._under_way.pop(digest, None)
            self._write(digest, 0)

    def _withdraw(self, digest: str) -> None:
        if self._under_way[digest] > 0:
            self._under_way[digest] -= 1
            self._write(digest, self.count(digest) - 1)

    def _write(self, digest: str, count: int) -> None:
        if count > 0:
            save_whole(self._folder / digest, b"%d" % count)
        else:
            (self._folder / digest).unlink(missing_ok=True)
