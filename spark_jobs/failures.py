"""Failures of a range: an exception on an executor goes in, a value comes out that the driver can decide by."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import orjson
import psycopg2
from adbc_driver_manager import Error

from trendscript.errors import NeedsAPerson, ServerUnreachable, TrendscriptError, TryAgainLater
from trendscript.postgres import UNTRUSTED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spark_jobs.batch import OffsetRange

# SQLSTATE classes of failures that pass: connection, rollback, resources, operator intervention, lock not available.
_PASSING = ("08", "40", "53", "57", "55P03")
# libpq's words where it carries no SQLSTATE: while connecting.
_REFUSALS = ("authentication failed", "no password supplied", "pg_hba.conf", "does not exist", "permission denied")


@dataclass(frozen=True, slots=True)
class RangeFailure:
    """Why a range's transaction ended, and where. `passing`: the same range may load a moment later.

    `fact` is the name of the exception that said so.
    """

    text: str
    passing: bool
    exit_code: int
    fact: str = ""

    def to_json(self) -> str:
        """As text, to come back from an executor."""
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def from_json(cls, text: str) -> RangeFailure:
        """The failure that `to_json` wrote."""
        return cls(**orjson.loads(text))


class RangeRefused(NeedsAPerson):
    """Raised when a range can't be loaded and trying again would not help; `fact` names what an executor raised."""

    def __init__(self, text: str, fact: str = "") -> None:
        self.fact = fact
        super().__init__(text)


class LoadInterrupted(TryAgainLater):
    """Raised when a passing fault outlasted every attempt; the batch stays planned and the next load resumes it."""


class ReadingCutOff(TryAgainLater):
    """Raised when a range's messages ended before the range did: brokers fell silent, or don't hold them any more."""

    def __init__(self, wanted: OffsetRange, reached: int, cause: str = "messages follow that did not come") -> None:
        self.wanted, self.reached, self.cause = wanted, reached, cause
        super().__init__(f"reading ended at offset {reached}: {cause}; the range was rolled back.")


class SparkDied(TryAgainLater):
    """Raised when the Java side of Spark is gone; a process can't start another, so the next one goes on."""

    def __init__(self) -> None:
        super().__init__(
            "Spark has ended under this process: its Java side was killed, or ran out of memory. "
            "What was committed is kept; run it again. Its last words are in logs/spark.log under the home folder."
        )


def to_failure(error: Exception) -> RangeFailure | None:
    """The failure behind an exception of a range's transaction; None for a bug, which is to be raised."""
    if isinstance(error, Error):
        state = error.sqlstate or ""
        # Without an SQLSTATE the connection is lost and the outcome unknown until the ledger has been read.
        passing = _is_passing(state.strip("\0"), str(error))
        return RangeFailure(f"Postgres: {str(error).strip()}", passing, 75 if passing else 78)
    if isinstance(error, TrendscriptError):
        passing = isinstance(error, ServerUnreachable | TryAgainLater)
        return RangeFailure(str(error), passing, error.exit_code, type(error).__name__)
    return None


def _is_passing(state: str, text: str) -> bool:
    """Whether the same may pass a moment later. A refused login comes without an SQLSTATE, and never does."""
    return state.startswith(_PASSING) if state else not any(words in text for words in (*_REFUSALS, *UNTRUSTED))


@contextmanager
def database_failures(topic: str) -> Iterator[None]:
    """Turn what Postgres says to the driver into LoadInterrupted, when it passes, or RangeRefused."""
    try:
        yield
    except psycopg2.Error as error:
        text = f"{topic}: Postgres: {' '.join(str(error).split())}"
        if _is_passing(error.pgcode or "", str(error)):
            raise LoadInterrupted(f"{text} — what was committed is kept; run it again.") from error
        raise RangeRefused(text) from error


def raise_failures(topic: str, failures: dict[int, RangeFailure]) -> None:
    """Raise what a person is to read of failed ranges, by partition; the gravest decides."""
    _, gravest = max(failures.items(), key=lambda found: (not found[1].passing, found[0]))
    text = f"{topic}, {gravest.text}"
    if not gravest.passing:
        raise RangeRefused(text, gravest.fact)
    raise LoadInterrupted(f"{text} — the batch stays planned; load again and it is resumed.")
