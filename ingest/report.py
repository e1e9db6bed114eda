"""Report of a run: what happened goes in; counts to print, and the failure that decides the exit code, come out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ingest.api_failures import ApiUnreachable, KeyRefused, QuotaExceeded
from ingest.quota import UnitsSpent
from trendscript.errors import TrendscriptError, TryAgainLater

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingest.session import Session


class SomeReadingsFailed(TryAgainLater):
    """Raised when some of what was asked for could not be read; the rest is published."""

    def __init__(self, done: int, asked: int, first: TrendscriptError) -> None:
        self.done, self.asked = done, asked
        super().__init__(
            f"{asked - done} of {asked} could not be read; {done} are done. The first that failed: {first}"
        )


@dataclass(slots=True)
class Report:
    """Counts of a run; `published` leaves out requests for transcriptions and the messages to `api_usage`.

    `failures` has one a reading that failed. `transcriptions_requested` is None where none were to be, and
    `not_requested` says why what was wanted could not be.
    """

    published: int = 0
    rejected: int = 0
    units: int = 0
    requests: int = 0
    failures: list[TrendscriptError] = field(default_factory=list)
    asked: int = 0
    transcriptions_requested: int | None = None
    not_requested: TrendscriptError | None = None

    def take_counts(self, session: Session) -> None:
        """Take over the counts of a session that has ended, when all its messages are confirmed."""
        self.published = session.published
        self.units = session.ledger.units
        self.requests = session.ledger.requests

    def failure(self) -> TrendscriptError | None:
        """The failure the command ends with, None where all went well."""
        return decide_failure(self.failures, asked=self.asked) or self.not_requested

    def to_dict(self) -> dict[str, Any]:
        """The report as `--json` prints it."""
        counts = {
            "published": self.published,
            "rejected": self.rejected,
            "units": self.units,
            "requests": self.requests,
        }
        asked = self.transcriptions_requested
        return counts if asked is None else {**counts, "transcriptions_requested": asked}


@dataclass(slots=True)
class RegionRow:
    """How the reading of one region ended: read, not_found (YouTube has no such chart) or failed."""

    region_code: str
    category_id: str
    outcome: str
    size: int | None = None
    duplicates: int = 0
    captured_at: str | None = None
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The row without what doesn't apply to it."""
        return {name: value for name in self.__slots__ if (value := getattr(self, name)) is not None}


@dataclass(slots=True)
class RegionsReport(Report):
    """A run over regions: one row a reading, in the order asked for."""

    regions: list[RegionRow] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """The report as `--json` prints it."""
        return {**Report.to_dict(self), "regions": [row.to_dict() for row in self.regions]}


@dataclass(slots=True)
class IdsReport(Report):
    """A run over ids: those asked for, those that came, those nothing came for, and words that are no ids."""

    requested: int = 0
    found: int = 0
    missing: list[str] = field(default_factory=list)
    rejected_ids: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """The report as `--json` prints it."""
        return {
            **Report.to_dict(self),
            "requested": self.requested,
            "found": self.found,
            "missing": self.missing,
            "rejected_ids": self.rejected_ids,
        }


def decide_failure(failures: Sequence[TrendscriptError], *, asked: int) -> TrendscriptError | None:
    """The failure a command ends with: the gravest that stops everything, else that some readings failed.

    A key that is refused needs a person; a quota or a limit needs time; an API that nothing reached is a
    server unreachable. None where nothing failed.
    """
    if not failures:
        return None
    for kind in (KeyRefused, QuotaExceeded, UnitsSpent):
        found = next((failure for failure in failures if isinstance(failure, kind)), None)
        if found is not None:
            return found
    if len(failures) == asked and (asked == 1 or all(isinstance(failure, ApiUnreachable) for failure in failures)):
        return failures[0]
    return SomeReadingsFailed(asked - len(failures), asked, failures[0])
