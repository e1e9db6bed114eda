"""What transcribing would take: lengths of videos, speed and price go in; hours, time and dollars come out. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_SECONDS_A_MINUTE = 60
_SECONDS_AN_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Engine:
    """What would do the work. `speed` is seconds of audio a second of work; None before a first run told it.

    `dollars_per_minute` of audio is None for what runs on one's own machine.
    """

    backend: str
    model: str
    speed: float | None
    dollars_per_minute: float | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What transcribing videos would take. Time and dollars are those of the videos whose length is known.

    `audio_seconds` is their sum, `unknown_length` counts the others; `expected_seconds` and `expected_dollars`
    are None where the engine's speed or price is.
    """

    engine: Engine
    videos: int
    unknown_length: int
    audio_seconds: float
    expected_seconds: float | None
    expected_dollars: float | None

    def to_dict(self) -> dict[str, Any]:
        """The plan as `--json` prints it; None is what can't be told yet."""
        return {
            "videos": self.videos,
            "unknown_length": self.unknown_length,
            "audio_hours": round(self.audio_seconds / _SECONDS_AN_HOUR, 4),
            "backend": self.engine.backend,
            "model": self.engine.model,
            "times_real_time": None if self.engine.speed is None else round(self.engine.speed, 2),
            "expected_seconds": None if self.expected_seconds is None else round(self.expected_seconds, 1),
            "dollars_per_minute": self.engine.dollars_per_minute,
            "expected_dollars": None if self.expected_dollars is None else round(self.expected_dollars, 4),
        }


def plan_transcription(lengths: Sequence[float | None], engine: Engine) -> Plan:
    """What videos of these lengths, in seconds, would take; None is a length that nobody knows."""
    known = [length for length in lengths if length is not None]
    seconds = sum(known)
    price = engine.dollars_per_minute
    return Plan(
        engine,
        videos=len(lengths),
        unknown_length=len(lengths) - len(known),
        audio_seconds=seconds,
        expected_seconds=None if engine.speed is None else seconds / engine.speed,
        expected_dollars=None if price is None else seconds / _SECONDS_A_MINUTE * price,
    )


def to_sentences(plan: Plan) -> list[str]:
    """The plan as a person reads it, a sentence a line."""
    lines = [f"{_counted(plan.videos, 'video')}, {_hours(plan.audio_seconds)} of audio{_unknown(plan)}."]
    if plan.engine.dollars_per_minute is not None and plan.expected_dollars is not None:
        price = f"at {plan.engine.dollars_per_minute:g} dollars a minute"
        lines.append(f"{_engine(plan)} would take about {plan.expected_dollars:,.2f} dollars {price}.")
    if plan.engine.speed is not None and plan.expected_seconds is not None:
        pace = f"at {plan.engine.speed:.1f} times real time, as its work so far"
        lines.append(f"{_engine(plan)} would work for about {_duration(plan.expected_seconds)} {pace}.")
    elif plan.engine.dollars_per_minute is None:
        lines.append(f"How long {_engine(plan)} would work is unknown until its first transcriptions are loaded.")
    return lines


def _engine(plan: Plan) -> str:
    return f"{plan.engine.model} ({plan.engine.backend})"


def _unknown(plan: Plan) -> str:
    return f", and {plan.unknown_length:,} of a length that is not known" if plan.unknown_length else ""


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _hours(seconds: float) -> str:
    return f"{seconds / _SECONDS_AN_HOUR:,.2f} hours"


def _duration(seconds: float) -> str:
    """A length of time as people say it; never 0, as all work takes some."""
    if seconds < 2 * _SECONDS_A_MINUTE:
        return _counted(max(1, round(seconds)), "second")
    if seconds < 2 * _SECONDS_AN_HOUR:
        return f"{round(seconds / _SECONDS_A_MINUTE):,} minutes"
    return f"{seconds / _SECONDS_AN_HOUR:,.1f} hours"
