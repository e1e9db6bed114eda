"""Findings: what a check saw, and the exit code that a run of checks ends with."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from trendscript.errors import NeedsAPerson, ServerUnreachable

if TYPE_CHECKING:
    from collections.abc import Iterable

State = Literal["ok", "warning", "skipped", "unreachable", "broken"]

_CODES: dict[State, int] = {"unreachable": ServerUnreachable.exit_code, "broken": NeedsAPerson.exit_code}


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check saw, a sentence each: how it is, and what mends it where that is known.

    `unreachable`: a server doesn't answer. `skipped`: nothing can be said, since something else is amiss.
    """

    state: State
    found: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """A check by name, its finding, and how long it took."""

    name: str
    finding: Finding
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """As `doctor --json` prints it."""
        return {"name": self.name, **asdict(self.finding), "seconds": round(self.seconds, 3)}


def exit_code(results: Iterable[Result]) -> int:
    """0 when nothing is worse than a warning, 69 when a server is unreachable, 78 when something is broken."""
    return max((_CODES.get(result.finding.state, 0) for result in results), default=0)
