"""Discard dead letters: an operator's decision that messages are not worth mending, kept with who decided and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spark_jobs.dead_letters import DeadLetterNotFound, find_dead_letter, open_cursor
from spark_jobs.ledger import requester

if TYPE_CHECKING:
    from collections.abc import Iterable

_DISCARD = "update pipeline.dead_letter set state = 'discarded', closed_at = now(), decided_by = %s, why = %s"


def discard_letters(dsn: str, identifiers: Iterable[str], why: str) -> int:
    """Set the messages of these ids discarded, all or none; how many. Their bytes stay.

    Raises DeadLetterNotFound for one that isn't open, DeadLetterAmbiguous for an id that two messages answer to.
    """
    with open_cursor(dsn, writing=True) as cursor:
        letters = {identifier: find_dead_letter(cursor, identifier) for identifier in identifiers}
        places = {(found.topic_id, found.partition, found.offset): name for name, found in letters.items()}
        # In one order, so that two who discard the same don't wait for each other.
        for place, identifier in sorted(places.items()):
            cursor.execute(
                f"{_DISCARD} where state = 'open' and topic_id = %s and partition = %s and \"offset\" = %s",
                [requester(), why, *place],
            )
            if not cursor.rowcount:
                raise DeadLetterNotFound(f"No message {identifier} waits in quarantine. Nothing was discarded.")
    return len(places)


def discard_all(dsn: str, topic: str, reason: str, why: str) -> int:
    """Set every open message of a topic with this reason discarded; how many. Their bytes stay."""
    with open_cursor(dsn, writing=True) as cursor:
        cursor.execute(
            f"{_DISCARD} where state = 'open' and topic = %s and reason = %s",
            [requester(), why, topic, reason],
        )
        return int(cursor.rowcount)
