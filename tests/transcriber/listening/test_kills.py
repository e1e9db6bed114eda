"""Kills: a process that is killed in the middle of an audio leaves what the next one goes on from."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

from tests.transcriber.listening.killed_listener import listen

if TYPE_CHECKING:
    from pathlib import Path


def kill_when(kept: int, folder: Path) -> None:
    """Start a process, and kill it as soon as so many pieces are kept."""
    process = subprocess.Popen([sys.executable, "-m", "tests.transcriber.listening.killed_listener", str(folder)])
    while len(list(folder.glob("piece-*.json"))) < kept:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -9


def test_a_killed_process_is_gone_on_from_with_the_same_result(tmp_path: Path) -> None:
    """Two SIGKILLs, each in another piece: a third process writes just what an undisturbed one does."""
    for kept in (1, 2):
        kill_when(kept, tmp_path / "killed")
    before = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "killed").glob("piece-*.json")}
    transcript = listen(tmp_path / "killed")
    after = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "killed").glob("piece-*.json")}
    assert len(after) > len(before) >= 2
    assert before.items() <= after.items()
    assert transcript == listen(tmp_path / "undisturbed")
    assert transcript.segments
