"""How often work on a message was begun and never ended: starts and signs of progress go in, a count comes out.

A file that makes the model's library crash takes the whole process with it. The message then comes again, and without
a count that outlives the process it would come for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transcriber.service.done import save_whole

if TYPE_CHECKING:
    from pathlib import Path

MOST_STARTS = 5
"""After so many starts without any progress between them, a message is not begun again."""


class Attempts:
    """Counts starts by message, in files of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def count(self, digest: str) -> int:
        """Starts since the last progress, of which none ended."""
        try:
            return int((self._folder / digest).read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            return 0

    def begin(self, digest: str) -> None:
        """Count a start, before anything that may crash."""
        save_whole(self._folder / digest, b"%d" % (self.count(digest) + 1))

    def note_progress(self, digest: str) -> None:
        """Something is done that need not be done again: this start is the first of what is left."""
        if self.count(digest) != 1:
            save_whole(self._folder / digest, b"1")

    def withdraw(self, digest: str) -> None:
        """A start that was ended on purpose counts for nothing."""
        count = self.count(digest) - 1
        if count > 0:
            save_whole(self._folder / digest, b"%d" % count)
        else:
            self.forget(digest)

    def forget(self, digest: str) -> None:
        """The message is answered."""
        (self._folder / digest).unlink(missing_ok=True)
