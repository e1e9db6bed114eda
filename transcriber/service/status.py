"""The service's status: what happens is told to it, what it does now and has done can be read; from any thread."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from transcriber.service.brought import Answer

State = Literal["starting", "working", "degraded", "stopping"]

_STUCK_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Current:
    """The video being listened to: seconds of it that are done, of how many, and how many were done beforehand."""

    video_id: str
    began: float
    done: float = 0.0
    of: float = 0.0
    before: float | None = None

    def speed(self, now: float) -> float:
        """Seconds of audio a second of work; 0 where nothing can be said yet."""
        elapsed = now - self.began
        return (self.done - (self.before or 0.0)) / elapsed if elapsed > 0 else 0.0

    def seconds_left(self, now: float) -> float | None:
        """How long the rest takes at this speed; None where nothing can be said yet."""
        speed = self.speed(now)
        return (self.of - self.done) / speed if speed > 0 else None


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of a run's requests. `failed` counts by reason; the seconds are of audio and of listening to it."""

    transcribed: int = 0
    failed: Mapping[str, int] = field(default_factory=dict)
    skipped: int = 0
    refused: int = 0
    audio_seconds: float = 0.0
    seconds: float = 0.0

    @property
    def requests(self) -> int:
        """All of them."""
        return self.transcribed + sum(self.failed.values()) + self.skipped + self.refused

    def to_dict(self) -> dict[str, Any]:
        """The tally as `--json` prints it."""
        return {
            "requests": self.requests,
            "transcribed": self.transcribed,
            "failed": dict(self.failed),
            "skipped": self.skipped,
            "refused": self.refused,
            "audio_seconds": round(self.audio_seconds, 3),
            "seconds": round(self.seconds, 3),
        }


class Status:
    """What the service does and has done. Times are those of the monotonic clock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._outcomes: Counter[tuple[str, str]] = Counter()
        self._pauses: Counter[str] = Counter()
        self._audio_seconds = 0.0
        self._seconds = 0.0
        self._waiting: dict[int, int] = {}
        self.state: State = "starting"
        self.reason: str | None = None
        self.current: Current | None = None
        self.last_progress = time.monotonic()
        self.last_poll = time.monotonic()
        self.last_speed: float | None = None

    def note_poll(self, waiting: Mapping[int, int]) -> None:
        """The group was polled; so many messages wait in each of our partitions."""
        with self._lock:
            self.last_poll = time.monotonic()
            self._waiting = dict(waiting)
            if self.state == "starting":
                self.state = "working"

    def note_begin(self, video_id: str) -> None:
        """A video is listened to from now on."""
        self.current = Current(video_id, time.monotonic())
        self.last_progress = time.monotonic()

    def note_progress(self, seconds: float, of: float) -> None:
        """So many seconds of it are done."""
        now = time.monotonic()
        self.last_progress = now
        current = self.current
        self.note_mended()
        if current is not None:
            before = seconds if current.before is None else current.before
            began = now if current.before is None else current.began
            self.current = replace(current, done=seconds, of=of, before=before, began=began)

    def note_answer(self, answer: Answer) -> None:
        """A request is answered, and its messages are confirmed."""
        with self._lock:
            self._outcomes[answer.outcome, answer.reason or ""] += 1
            self._audio_seconds += answer.audio_seconds
            self._seconds += answer.seconds
            if answer.audio_seconds and answer.seconds:
                self.last_speed = answer.audio_seconds / answer.seconds
            if self.state == "degraded":
                self.state = "working"
            self.reason = None
        self.current = None
        self.last_progress = time.monotonic()

    def note_pause(self, fault: Exception) -> None:
        """Nothing can be done for the time being, for this reason; it counts as mended when a request is answered."""
        with self._lock:
            self._pauses[type(fault).__name__] += 1
            if self.state != "stopping":
                self.state = "degraded"
            self.reason = str(fault)
        self.current = None

    def note_mended(self) -> None:
        """What the pause was for is over."""
        if self.state == "degraded":
            self.state = "working"
        self.reason = None

    def note_stop(self) -> None:
        """The service was asked to stop."""
        self.state = "stopping"

    @property
    def tally(self) -> Tally:
        """What became of the requests so far."""
        with self._lock:
            by_outcome: Counter[str] = Counter()
            for (outcome, _), count in self._outcomes.items():
                by_outcome[outcome] += count
            return Tally(
                transcribed=by_outcome["transcribed"],
                failed={reason: n for (outcome, reason), n in self._outcomes.items() if outcome == "failed"},
                skipped=by_outcome["skipped"],
                refused=by_outcome["refused"],
                audio_seconds=self._audio_seconds,
                seconds=self._seconds,
            )

    def outcomes(self) -> dict[tuple[str, str], int]:
        """Requests by outcome and reason."""
        with self._lock:
            return dict(self._outcomes)

    def pauses(self) -> dict[str, int]:
        """Pauses by the name of the fault."""
        with self._lock:
            return dict(self._pauses)

    def waiting(self) -> dict[int, int]:
        """Messages that wait, by partition."""
        with self._lock:
            return dict(self._waiting)

    def health(self) -> tuple[bool, dict[str, Any]]:
        """Whether requests are being served, and what to know about it."""
        now = time.monotonic()
        stuck = self.state != "starting" and now - self.last_poll > _STUCK_SECONDS
        current = self.current
        return self.state == "working" and not stuck, {
            "state": "stuck" if stuck else self.state,
            "reason": self.reason,
            "video_id": current.video_id if current else None,
            "waiting": sum(self.waiting().values()),
            "seconds_since_progress": round(now - self.last_progress, 1),
        }
