"""A figure: the seconds of some runs go in; their median, how it compares, and whether that is enough come out."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import Any

from benchmarks.machine import say


@dataclass(slots=True)
class Runs:
    """Several runs of the same work on so many messages, in seconds."""

    what: str
    messages: int
    seconds: list[float] = field(default_factory=list)

    def note(self, seconds: float, beside: str = "") -> None:
        """Keep a run, and tell of it."""
        self.seconds.append(round(seconds, 3))
        say(f"  {self.what}: {seconds:.2f} s, {self.messages / seconds:,.0f} messages/s{beside}")

    @property
    def median(self) -> float:
        """Seconds of the middle run."""
        return median(self.seconds)

    @property
    def rate(self) -> float:
        """Messages a second of the middle run."""
        return self.messages / self.median

    def to_json(self) -> dict[str, Any]:
        """All runs, and what becomes of them."""
        return {
            "what": self.what,
            "messages": self.messages,
            "seconds": self.seconds,
            "median": round(self.median, 3),
            "messages_per_second": round(self.rate),
        }


@dataclass(frozen=True, slots=True)
class Figure:
    """One comparison: `value` is to be `least` or more, or `most` or less; one without either is only told."""

    number: str
    what: str
    value: float
    least: float | None = None
    most: float | None = None

    @property
    def reached(self) -> bool | None:
        """Whether it is enough; None where nothing is asked."""
        if self.least is not None:
            return self.value >= self.least
        return None if self.most is None else self.value <= self.most

    @property
    def wanted(self) -> str:
        """What is asked, in words."""
        if self.least is not None:
            return f"at least {self.least:g}"
        return "" if self.most is None else f"at most {self.most:g}"

    def to_json(self) -> dict[str, Any]:
        """The figure, and whether it is reached."""
        return {
            "number": self.number,
            "what": self.what,
            "value": round(self.value, 4),
            "wanted": self.wanted,
            "reached": self.reached,
        }
