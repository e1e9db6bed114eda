"""Scratch folders: one for each process, gone with it, and never taken from one that lives."""

from __future__ import annotations

import fcntl
import threading
from typing import TYPE_CHECKING

from transcriber.service.scratch import open_scratch

if TYPE_CHECKING:
    from pathlib import Path


def test_many_that_start_at_once_each_keep_their_folder(tmp_path: Path) -> None:
    """Nobody takes another's folder, which has no lock in its first moment, for one that was left behind."""
    lost: list[Path] = []

    def come_and_go() -> None:
        for _ in range(100):
            with open_scratch(tmp_path / "audio") as folder:
                if not folder.exists():
                    lost.append(folder)

    threads = [threading.Thread(target=come_and_go) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lost == []
    assert list((tmp_path / "audio").iterdir()) == []


def test_what_killed_processes_left_is_deleted(tmp_path: Path) -> None:
    """With a lock that nobody holds, or without one; what is in use stays."""
    place = tmp_path / "audio"
    for name in ("locked", "left", "unlocked"):
        (place / name).mkdir(parents=True)
        (place / name / "audio.ogg").write_bytes(b"sound")
    (place / "left" / "lock").touch()
    with (place / "locked" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with open_scratch(place) as folder:
            assert sorted(place.iterdir()) == sorted([place / "locked", folder])
    assert [path.name for path in place.iterdir()] == ["locked"]
