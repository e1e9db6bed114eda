"""A long audio, killed in the middle: clips and a length go in, whether the transcript is the same comes out."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from benchmarks.speech_clips import join_clips, write_wave

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.speech_clips import Clip

_KILLS = 3
_LOOK_EVERY = 0.05


def measure_long(
    name: str, model: str, clips: Sequence[Clip], seconds: float, say: Callable[[str], None]
) -> dict[str, Any]:
    """Transcribe clips joined to one file twice: undisturbed, and killed three times at even distances.

    A kill is a SIGKILL as soon as so many pieces are kept, which is in the middle of the next one.
    """
    with tempfile.TemporaryDirectory(prefix="trendscript-bench-") as folder:
        file = write_wave(Path(folder) / "joined.wav", join_clips(clips, seconds))
        say(f"{name}: {seconds / 60:g} minutes, undisturbed")
        expected = _run(model, file, Path(folder) / "undisturbed", [])
        pieces = len(_pieces(Path(folder) / "undisturbed"))
        at = [max(1, round(pieces * number / (_KILLS + 1))) for number in range(1, _KILLS + 1)]
        say(f"{name}: {pieces} pieces, killed after {', '.join(map(str, at))}")
        killed = _run(model, file, Path(folder) / "killed", at)
    return {
        "model": name,
        "audio_seconds": expected["audio_seconds"],
        "pieces": pieces,
        "same": killed["segments"] == expected["segments"],
        "undisturbed": _summarise(expected),
        "killed": _summarise(killed),
    }


def _summarise(run: dict[str, Any]) -> dict[str, Any]:
    return {
        "seconds": round(run["wall_seconds"], 1),
        "peak_bytes": run["peak_bytes"],
        "sentences": len(run["segments"]),
        "kills": run["kills"],
    }


def _run(model: str, file: Path, keep: Path, kill_at: Sequence[int]) -> dict[str, Any]:
    """Start the service's process until it ends by itself, and kill it as often as said."""
    started = time.perf_counter()
    kills = [_kill_at(model, file, keep, wanted) for wanted in kill_at]
    process = _start(model, keep)
    found, _ = process.communicate(f"{file}\n".encode())
    answer: dict[str, Any] = orjson.loads(found.splitlines()[-1])
    return {**answer, "wall_seconds": time.perf_counter() - started, "kills": kills}


def _kill_at(model: str, file: Path, keep: Path, wanted: int) -> int:
    """Kill the process when so many pieces are kept, and return how many were."""
    process = _start(model, keep)
    assert process.stdin is not None  # noqa: S101  (it was started with a pipe)
    process.stdin.write(f"{file}\n".encode())
    process.stdin.flush()
    while len(_pieces(keep)) < wanted:
        if process.poll() is not None:
            raise RuntimeError(f"the process ended by itself with {process.returncode}")
        time.sleep(_LOOK_EVERY)
    process.kill()
    process.communicate()
    return len(_pieces(keep))


def _start(model: str, keep: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "benchmarks.listener", "service", model, "--keep", str(keep)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def _pieces(keep: Path) -> list[Path]:
    return sorted(keep.glob("piece-*.json"))
