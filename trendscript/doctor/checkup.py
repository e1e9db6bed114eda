"""The checkup: every check in turn, each with a time limit; those that stand on one that failed are skipped."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trendscript.doctor import broker, disks, ledger, machine, sources, speech, warehouse
from trendscript.doctor.finding import Finding, Result, State
from trendscript.errors import ServerUnreachable, TrendscriptError, TryAgainLater

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from trendscript.doctor.surroundings import Surroundings

_LIMIT_SECONDS = 15.0
_STATES: dict[int, State] = {ServerUnreachable.exit_code: "unreachable", TryAgainLater.exit_code: "warning"}


@dataclass(frozen=True, slots=True)
class Check:
    """A check by the name that a person reads, and the names of those without which it can say nothing."""

    name: str
    look: Callable[[Surroundings], Finding]
    stands_on: tuple[str, ...] = ()


CHECKS = (
    Check("python", machine.check_python),
    Check("java", machine.check_java),
    Check("jars", machine.check_jars),
    Check("kafka", broker.check_kafka),
    Check("topics", broker.check_topics, ("kafka",)),
    Check("message times", broker.check_message_times, ("kafka",)),
    Check("postgres", warehouse.check_postgres),
    Check("database clock", warehouse.check_clock, ("postgres",)),
    Check("migrations", warehouse.check_migrations, ("postgres",)),
    Check("trigrams", warehouse.check_trigrams, ("postgres",)),
    Check("roles", warehouse.check_roles, ("postgres", "migrations")),
    Check("batches", ledger.check_batches, ("postgres", "migrations")),
    Check("leases", ledger.check_leases, ("postgres", "migrations")),
    Check("quarantine", ledger.check_quarantine, ("postgres", "migrations")),
    Check("freshness", sources.check_freshness, ("postgres", "migrations")),
    Check("youtube key", sources.check_key),
    Check("youtube quota", sources.check_quota, ("postgres", "migrations")),
    Check("speech model", speech.check_model),
    Check("audio", speech.check_audio),
    Check("lake", disks.check_lake),
    Check("home disk", disks.check_home_disk),
    Check("lake disk", disks.check_lake_disk),
    Check("postgres disk", disks.check_postgres_disk),
)


def examine(
    surroundings: Surroundings, checks: Sequence[Check] = CHECKS, *, seconds: float = _LIMIT_SECONDS
) -> Iterator[Result]:
    """Look at everything, whatever single checks meet; each has so many seconds.

    What can't be said, for a missing right or since it stands on what failed, is `skipped`.
    """
    failed: set[str] = set()
    for check in checks:
        started = time.monotonic()
        missing = next((name for name in check.stands_on if name in failed), None)
        if missing is not None:
            finding = Finding("skipped", f"Nothing to be said before {missing} is mended.")
        else:
            finding = _look_within(seconds, check, surroundings)
        if finding.state in ("broken", "unreachable", "skipped"):
            failed.add(check.name)
        yield Result(check.name, finding, time.monotonic() - started)


def _look_within(seconds: float, check: Check, surroundings: Surroundings) -> Finding:
    """The finding, if it comes in time; a check that hangs is left behind in a thread that ends with the program."""
    findings: queue.SimpleQueue[Finding] = queue.SimpleQueue()
    threading.Thread(target=lambda: findings.put(_look(check, surroundings)), daemon=True).start()
    try:
        return findings.get(timeout=seconds)
    except queue.Empty:
        return Finding(
            "unreachable" if check.name in ("kafka", "postgres") else "broken",
            f"No answer within {seconds:g} seconds.",
            "Look for a server or a disk that hangs.",
        )


def _look(check: Check, surroundings: Surroundings) -> Finding:
    """The finding of a check, or what a failure on the way says: its text has the mend."""
    import psycopg2  # noqa: PLC0415  (keeps --help quick)

    try:
        return check.look(surroundings)
    except TrendscriptError as failure:
        return Finding(_STATES.get(failure.exit_code, "broken"), str(failure))
    except psycopg2.errors.InsufficientPrivilege as refusal:
        return Finding("skipped", f"The user may not look: {_one_line(refusal)}.")
    except psycopg2.Error as refusal:
        return Finding("broken", f"Postgres: {_one_line(refusal)}.", "Look into its log.")
    except Exception as bug:  # noqa: BLE001  (one check's bug must not hide what the others find)
        return Finding("broken", f"The check itself failed: {type(bug).__name__}: {bug}.", "This is a bug: report it.")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")
