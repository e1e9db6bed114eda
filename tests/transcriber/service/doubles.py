"""A source and a backend that keep the protocols, take the time they are told to, and remember what was asked."""

from __future__ import annotations

import shutil
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transcriber.audio.source import AudioFormat, Look
from transcriber.backends.backend import Capability
from transcriber.speech import Language, Segment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from transcriber.backends.backend import Piece

CLIPS = Path(__file__).parents[3] / "trendscript" / "demo" / "clips"
CLIP = CLIPS / "trailer.ogg"
"""Somebody speaks in it for some seconds."""


@dataclass
class Calls:
    """What was asked, with the times when it began and ended; None while it goes on."""

    made: list[tuple[str, str, float, float | None]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, what: str, about: str) -> int:
        """Note that it began."""
        with self.lock:
            self.made.append((what, about, time.monotonic(), None))
            return len(self.made) - 1

    def end(self, number: int) -> None:
        """Note that it ended."""
        with self.lock:
            what, about, began, _ = self.made[number]
            self.made[number] = (what, about, began, time.monotonic())

    def of(self, what: str) -> list[tuple[str, float, float | None]]:
        """Those of a kind, in order."""
        with self.lock:
            return [(about, began, ended) for kind, about, began, ended in self.made if kind == what]


@dataclass
class ClipSource:
    """Gives one clip for every video. `fault` is asked before each look and fetch, and raises what it likes."""

    calls: Calls = field(default_factory=Calls)
    name: str = "folder"
    file: Path = CLIP
    itag: int | None = None
    fetch_seconds: float = 0.0
    fault: Callable[[str, str], None] = lambda _what, _video_id: None

    def look(self, video_id: str) -> Look:
        """A look that names the file's size."""
        call = self.calls.begin("look", video_id)
        self.fault("look", video_id)
        self.calls.end(call)
        return Look(video_id, AudioFormat(itag=self.itag, mime_type="audio/ogg", bytes=self.file.stat().st_size))

    def fetch(self, look: Look, folder: Path, *, stop: Callable[[], bool] = lambda: False) -> Path:
        """A copy of the file."""
        del stop
        call = self.calls.begin("fetch", look.video_id)
        self.fault("fetch", look.video_id)
        time.sleep(self.fetch_seconds)
        self.calls.end(call)
        return Path(shutil.copy(self.file, folder / f"{look.video_id}.ogg"))


@dataclass
class ClipBackend:
    """Says one sentence a piece, which names where the piece lies. `fault` is asked before each piece.

    Pieces are short, so that a clip of some seconds has several.
    """

    calls: Calls = field(default_factory=Calls)
    seconds: float = 0.0
    name: str = "local"
    model: str = "double"
    revision: str = "1"
    words: str = "Piece at"
    numbers: Mapping[str, float] = field(default_factory=lambda: {"avg_logprob": -0.25})
    capability: Capability = field(default_factory=lambda: Capability(timestamps="segment", max_piece_seconds=2.0))
    options: Mapping[str, Any] = field(default_factory=lambda: {"beam_size": 1})
    fault: Callable[[Piece], None] = lambda _piece: None

    def detect_language(self, piece: Piece) -> Language | None:
        """English."""
        del piece
        return Language("en", 0.75)

    def transcribe(self, piece: Piece, *, language: str | None) -> ClipTranscript:
        """One segment after `seconds`."""
        return ClipTranscript(self, piece, Language(language) if language else None)


@dataclass
class ClipTranscript:
    """A piece of a clip being transcribed."""

    backend: ClipBackend
    piece: Piece
    language: Language | None

    def __iter__(self) -> Iterator[Segment]:
        call = self.backend.calls.begin("piece", f"{self.piece.start:g}")
        self.backend.fault(self.piece)
        time.sleep(self.backend.seconds)
        self.backend.calls.end(call)
        text = f"{self.backend.words} {self.piece.start:g}."
        yield replace(Segment(0.0, self.piece.seconds, text), **self.backend.numbers)  # type: ignore[arg-type]
