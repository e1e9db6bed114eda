"""The ledger: batches that nobody finishes, topics that somebody holds, messages that wait in quarantine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trendscript.doctor.finding import Finding

if TYPE_CHECKING:
    from datetime import timedelta

    from trendscript.doctor.surroundings import Surroundings

_SHOWN = 3


def check_batches(surroundings: Surroundings) -> Finding:
    """No batch has been planned for longer than a load should take."""
    planned = surroundings.rows(
        "select topic, batch_id, kind, now() - planned_at from pipeline.batch where state = 'planned' order by 4 desc"
    )
    old = [found for found in planned if found[3] > surroundings.thresholds.planned_for]
    if old:
        topic, batch_id, kind, age = old[0]
        more = f" and {len(old) - 1} more" if len(old) > 1 else ""
        return Finding(
            "warning",
            f"Planned and not finished for {_hours(age)}: batch {batch_id} of {topic}, a {kind}{more}.",
            f"Run `trendscript load {topic}`, which finishes it or says why it can't.",
        )
    count = len(planned)
    return Finding("ok", f"{count} under way." if planned else "None is unfinished.")


def check_leases(surroundings: Surroundings) -> Finding:
    """Who works on a topic now, and for how long."""
    from spark_jobs.lease_holders import STUCK_AFTER, read_leases  # noqa: PLC0415  (keeps --help quick)

    held = read_leases(surroundings.connection)
    stuck = [lease for lease in held if lease.since > STUCK_AFTER]
    if stuck:
        return Finding(
            "warning",
            f"{stuck[0].topic} has been held by {stuck[0].holder} for {_hours(stuck[0].since)}.",
            "Look whether that process still works; if not, end it there.",
        )
    if not held:
        return Finding("ok", "Nobody works on a topic now.")
    words = "; ".join(f"{lease.topic} by {lease.holder} for {_hours(lease.since)}" for lease in held)
    return Finding("ok", f"{words}.")


def check_quarantine(surroundings: Surroundings) -> Finding:
    """No refused message waits for a decision."""
    found = surroundings.rows(
        """
        select topic, reason, count(*) from pipeline.dead_letter where state = 'open'
        group by topic, reason order by 3 desc, 1, 2
        """
    )
    if not found:
        return Finding("ok", "No message waits there.")
    total = sum(count for _, _, count in found)
    shown = ", ".join(f"{count:,} of {topic} for {reason}" for topic, reason, count in found[:_SHOWN])
    more = f" and {len(found) - _SHOWN} kinds more" if len(found) > _SHOWN else ""
    return Finding(
        "warning",
        f"{total:,} open: {shown}{more}.",
        "See `trendscript dead-letters list`; then `dead-letters retry`, or `discard --why`.",
    )


def _hours(age: timedelta) -> str:
    """An age as h:mm:ss."""
    return str(age).partition(".")[0]
