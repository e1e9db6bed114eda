"""`python -m benchmarks.listener`: a process that transcribes files it is named on standard input, one a line.

Answers are JSON lines on standard output, the first when the model is ready. `service` transcribes as the transcriber
does; `bare` calls faster-whisper with the same options and nothing of ours.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import orjson
import typer
from faster_whisper import WhisperModel

from transcriber.audio.decode import AudioLimits, decode
from transcriber.backends.whisper import open_local_backend
from transcriber.faults import VideoFault
from transcriber.listening.kept import KeptPieces
from transcriber.listening.listen import transcribe_audio

if TYPE_CHECKING:
    from collections.abc import Callable

_LIMITS = AudioLimits(max_seconds=24 * 3600, max_bytes=1 << 34)
_HIGHEST = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)

Heard = dict[str, Any]


def main(kind: Literal["service", "bare"], model: str, keep: Path | None = None) -> None:
    """Transcribe; with `--keep` the service's results of pieces stay in that folder, so that it can be killed."""
    listen = open_service(model, keep) if kind == "service" else open_bare(model)
    _answer({"ready": True, "peak_bytes": read_peak_bytes()})
    for line in sys.stdin:
        started, worked = time.perf_counter(), time.process_time()
        heard = listen(Path(line.rstrip("\n")))
        spent = {"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - worked}
        _answer({**heard, **spent, "peak_bytes": read_peak_bytes()})


def open_service(model: str, keep: Path | None = None) -> Callable[[Path], Heard]:
    """From a file to its transcript, as the transcriber goes about it."""
    backend = open_local_backend(model, device="cpu")

    def listen(file: Path) -> Heard:
        with tempfile.TemporaryDirectory(prefix="trendscript-bench-") as name:
            folder = Path(name)
            try:
                audio = decode(file, folder / "samples", limits=_LIMITS)
            except VideoFault as fault:
                return {"refused": fault.reason, "audio_seconds": 0.0, "text": "", "segments": []}
            transcript = transcribe_audio(audio, backend, keep=KeptPieces(keep or folder / "kept"))
        return {
            "audio_seconds": audio.seconds,
            "text": transcript.text,
            "language": transcript.language and transcript.language.code,
            "coverage": transcript.coverage,
            "flags": transcript.flags,
            "segments": transcript.segments,
        }

    return listen


def open_bare(model: str) -> Callable[[Path], Heard]:
    """The call that faster-whisper's own page shows, with its voice filter."""
    found = open_local_backend(model, device="cpu")
    compute_type, folder = found.options["compute_type"], found.folder
    whisper = WhisperModel(str(folder), device="cpu", compute_type=compute_type)

    def listen(file: Path) -> Heard:
        segments, info = whisper.transcribe(str(file), vad_filter=True)
        texts = [segment.text.strip() for segment in segments]
        return {"audio_seconds": info.duration, "text": " ".join(texts), "language": info.language}

    return listen


def read_peak_bytes() -> int:
    """The most memory that this process has had resident."""
    found = _HIGHEST.search(Path("/proc/self/status").read_text(encoding="utf-8"))
    return int(found[1]) * 1024 if found else 0


def _answer(value: Heard) -> None:
    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_SERIALIZE_DATACLASS) + b"\n")
    sys.stdout.flush()


if __name__ == "__main__":
    typer.run(main)
