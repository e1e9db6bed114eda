"""Scratch folders: a place goes in, a folder that is deleted with its process comes out, however the process ends."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from contextlib import ExitStack, contextmanager, suppress
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
    with ExitStack() as held:
        with _alone(place):
            _clear_left(place)
            folder = Path(tempfile.mkdtemp(dir=place))
            lock = held.enter_context((folder / _LOCK).open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    """One process at a time makes its folder, so that no other takes it for one that was left without a lock."""
    with place.with_name(f"{place.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _clear_left(place: Path) -> None:
    for folder in place.iterdir():
        with suppress(OSError):  # it is in use
            _delete_unless_used(folder)


def _delete_unless_used(folder: Path) -> None:
    """Delete a folder; without a lock it was left by a process that was killed while it made it."""
    with suppress(FileNotFoundError), (folder / _LOCK).open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    shutil.rmtree(folder, ignore_errors=True)
