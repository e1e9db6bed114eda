"""Scratch folders: a place goes in, a folder that is deleted with its process comes out, however the process ends."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOCK = "lock"


@contextmanager
def open_scratch(place: Path) -> Iterator[Path]:
    """A new folder in `place` for the block. What processes that were killed left there is deleted first.

    A folder is in use while its process holds a lock in it, which the system releases with the process.
    """
    place.mkdir(parents=True, exist_ok=True)
    _clear_left(place)
    folder = Path(tempfile.mkdtemp(dir=place))
    with (folder / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _clear_left(place: Path) -> None:
    """Folders without a lock are being made this moment, or were left by a process that was killed in that moment."""
    for folder in place.iterdir():
        try:
            with (folder / _LOCK).open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue
