"""Gathering: the warehouse, what was told before and a command's outcome go in, what is to be told now comes out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from trendscript.freshness import NEWEST_READINGS, describe_age, is_stale, to_ages
from trendscript.notices.attempts import find_next_try, note_sent, note_unsent
from trendscript.notices.memory import is_newer, read_memories
from trendscript.notices.news import KINDS, News, Outcome, Trouble
from trendscript.notices.number_ones import read_number_ones
from trendscript.notices.quarantine import read_quarantined
from trendscript.notices.troubles import REMIND_AFTER, plan_troubles

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (psycopg2 spells its classes small)

    from trendscript.notices.memory import Memory
    from trendscript.notices.news import Key, Kind
    from trendscript.settings import Settings

_GIVEN_UP_AFTER = timedelta(days=30)
"""A region that nobody has read for so long is no longer read, unless YOUTUBE_REGIONS says that it is."""
_UNFINISHED_AFTER = "2 hours"
_UNFINISHED = "Unfinished"


@dataclass(frozen=True, slots=True)
class Gathered:
    """What is to be told, and what is then to be remembered: `changed`, or `unsent` if nobody takes it.

    `next_try` is None, or the moment before which it isn't to be sent.
    """

    news: News
    changed: Mapping[Key, Memory]
    unsent: Mapping[Key, Memory]
    next_try: datetime | None


def gather_news(cursor: Cursor, settings: Settings, outcome: Outcome, kept: Mapping[Key, Memory]) -> Gathered:
    """What is new. The transaction holds others off until it ends.

    `kept` is what was told while the warehouse was away.
    """
    kinds = settings.notify_on or KINDS
    known = read_memories(cursor)
    kept = {key: memory for key, memory in kept.items() if key not in known or is_newer(memory, known[key])}
    memories = {**known, **kept}
    cursor.execute("select now()")
    (now,) = cursor.fetchone() or ()
    troubles, well = _find_troubles(cursor, settings, outcome, memories, now)
    told, recoveries, changed = plan_troubles(
        memories, [trouble for trouble in troubles if trouble.kind in kinds], well, now
    )
    quarantined, marks = read_quarantined(cursor, memories, now) if "quarantine" in kinds else ([], {})
    number_ones, leaders = read_number_ones(cursor, memories, now) if "number_one" in kinds else ([], {})
    news = News(
        tuple(told),
        tuple(recovery for recovery in recoveries if recovery.kind in kinds),
        tuple(quarantined),
        tuple(number_ones),
    )
    return _to_gathered(news, {**kept, **changed, **marks, **leaders}, memories, now)


def gather_without_warehouse(
    settings: Settings, outcome: Outcome, kept: Mapping[Key, Memory], now: datetime
) -> Gathered:
    """The same of what the command itself knows to have failed, and to have gone well."""
    troubles = outcome.troubles() if "failure" in (settings.notify_on or KINDS) else []
    told, recoveries, changed = plan_troubles(kept, troubles, _passed(outcome), now)
    gathered = _to_gathered(News(tuple(told), tuple(recoveries)), {**kept, **changed}, kept, now)
    return replace(gathered, unsent={**kept, **gathered.unsent})


def _to_gathered(news: News, changed: Mapping[Key, Memory], memories: Mapping[Key, Memory], now: datetime) -> Gathered:
    next_try = find_next_try(memories, now)
    if next_try is not None:
        return Gathered(news, changed, {}, next_try)
    sent = note_sent(memories, now) if news else {}
    return Gathered(news, {**changed, **sent}, note_unsent(memories, now), None)


def _find_troubles(
    cursor: Cursor, settings: Settings, outcome: Outcome, memories: Mapping[Key, Memory], now: datetime
) -> tuple[list[Trouble], set[tuple[Kind, str]]]:
    """Troubles of now, and the kinds and subjects that were looked at and are well."""
    stale, fresh = _find_stale(cursor, settings)
    unfinished = _find_unfinished(cursor)
    known = _find_known(outcome, memories, now)
    still_open = {trouble.subject for trouble in unfinished.values()}
    at_rest = {
        (kind, subject)
        for kind, subject, cause in memories
        if kind == "failure" and cause == _UNFINISHED and subject not in still_open
    }
    untold = [trouble for (topic, _), trouble in unfinished.items() if f"load {topic}" not in known]
    return [*outcome.troubles(), *untold, *stale], fresh | at_rest | _passed(outcome)


def _passed(outcome: Outcome) -> set[tuple[Kind, str]]:
    return {("failure", subject) for subject in outcome.passed}


def _find_stale(cursor: Cursor, settings: Settings) -> tuple[list[Trouble], set[tuple[Kind, str]]]:
    cursor.execute(NEWEST_READINGS)
    ages = to_ages(cursor.fetchall(), settings.youtube_regions)
    stale_after = timedelta(minutes=settings.notify_stale_minutes)
    fresh: set[tuple[Kind, str]] = {("stale", region) for region, age in ages.items() if not is_stale(age, stale_after)}
    stale = [
        Trouble("stale", region, "", describe_age(age))
        for region, age in ages.items()
        if is_stale(age, stale_after) and (settings.youtube_regions or (age is not None and age < _GIVEN_UP_AFTER))
    ]
    return stale, fresh


def _find_known(outcome: Outcome, memories: Mapping[Key, Memory], now: datetime) -> set[str]:
    """Subjects known to fail: this command's, and those that somebody was told of within the reminder's time."""
    told = {
        subject
        for (kind, subject, cause), memory in memories.items()
        if kind == "failure" and cause != _UNFINISHED and memory.ended_at is None
        if memory.told_at is not None and now - memory.told_at < REMIND_AFTER
    }
    return told | outcome.failures.keys()


def _find_unfinished(cursor: Cursor) -> dict[tuple[str, int], Trouble]:
    """Batches that a killed run has left, and no other has finished, by topic and number."""
    cursor.execute(
        """
        select topic, batch_id, kind, coalesce(run_id, '') from pipeline.batch
        where state = 'planned' and planned_at < now() - %s::interval order by topic
        """,
        [_UNFINISHED_AFTER],
    )
    return {
        (topic, batch_id): Trouble(
            "failure",
            f"batch {batch_id} of {topic}",
            _UNFINISHED,
            f"A {kind} was planned more than {_UNFINISHED_AFTER} ago by run {run_id or 'unknown'}, and not finished. "
            f"Run `trendscript load {topic}`, which finishes it or says why it can't.",
        )
        for topic, batch_id, kind, run_id in cursor.fetchall()
    }
