"""Troubles: those of now and what is remembered go in; what to tell, what is over and what to remember come out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from trendscript.notices.memory import Memory
from trendscript.notices.news import Recovery, ToldTrouble

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping
    from datetime import datetime

    from trendscript.notices.news import Key, Kind, Trouble

REMIND_AFTER = timedelta(days=1)
"""What lasts is told again after this."""
SAME_AFTER = timedelta(hours=3)
"""What comes, goes and comes back is told again after this at the earliest; so is quarantine for the same reason."""


def plan_troubles(
    memories: Mapping[Key, Memory], found: Iterable[Trouble], well: Container[tuple[Kind, str]], now: datetime
) -> tuple[list[ToldTrouble], list[Recovery], dict[Key, Memory]]:
    """What of the troubles is to be told, which of those told are over, and what changes in memory.

    `well` are the kinds and subjects that were looked at and are well: what is neither found nor well stays.
    """
    told: list[ToldTrouble] = []
    changed: dict[Key, Memory] = {}
    for trouble in found:
        before = memories.get(trouble.key)
        lasts = before is not None and before.ended_at is None
        after = replace(before, since=before.since if lasts else now, ended_at=None) if before else Memory(now)
        if _is_due(after, now):
            told.append(ToldTrouble(trouble, after.since, again=after.was_told))
            after = replace(after, told_at=now)
        changed[trouble.key] = after
    over = {
        key: memory
        for key, memory in memories.items()
        if memory.ended_at is None and key not in changed and key[:2] in well
    }
    changed |= {key: replace(memory, ended_at=now) for key, memory in over.items()}
    return told, _to_recoveries(over), changed


def _is_due(memory: Memory, now: datetime) -> bool:
    if memory.told_at is None:
        return True
    return now - memory.told_at >= (REMIND_AFTER if memory.was_told else SAME_AFTER)


def _to_recoveries(over: Mapping[Key, Memory]) -> list[Recovery]:
    """One a subject, of those that somebody heard of."""
    told = {key: memory for key, memory in over.items() if memory.was_told}
    subjects = dict.fromkeys((kind, subject) for kind, subject, _ in told)
    return [
        Recovery(
            kind,
            subject,
            tuple(sorted(key[2] for key in told if key[:2] == (kind, subject))),
            min(memory.since for key, memory in told.items() if key[:2] == (kind, subject)),
        )
        for kind, subject in subjects
    ]
