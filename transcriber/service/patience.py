"""Patience: how often the work was paused goes in; how long to wait this time, or that it was enough, comes out."""

from __future__ import annotations

from dataclasses import dataclass

from transcriber.service.attempts import MOST_STARTS


@dataclass(frozen=True, slots=True)
class Patience:
    """How faults that are no video's are waited out.

    `total_seconds` is how long altogether before the service ends with the fault; None is for ever. Of bugs in a row,
    `most_bugs` end it.
    """

    total_seconds: float | None
    first_seconds: float = 15.0
    longest_seconds: float = 900.0
    bug_seconds: float = 1.0
    most_bugs: int = 2 * MOST_STARTS

    def wait(self, pauses: int, asked: float | None) -> float:
        """Seconds to wait for the time `pauses` (from 0), where the other side asked for so many."""
        usual = min(self.first_seconds * 2.0 ** min(pauses, 30), self.longest_seconds)
        return usual if asked is None else max(asked, min(usual, self.first_seconds))
