"""Discarding dead letters in a real ledger."""

from __future__ import annotations

from typing import Any

import pytest

from spark_jobs.dead_letters import DeadLetterAmbiguous, DeadLetterNotFound, find_dead_letters, read_dead_letter
from spark_jobs.discard import discard_all, discard_letters
from tests.builders import query


def a_letter(dsn: str, offset: int, reason: str = "not_json", *, topic_id: str = "new", day: int = 2) -> None:
    """An open letter of topic `charts`, partition 0."""
    query(
        dsn,
        "insert into pipeline.dead_letter "
        '(topic_id, partition, "offset", topic, batch_id, reason, message_value, first_seen_at) '
        "values (%s, 0, %s, 'charts', 1, %s, %s, make_timestamptz(2026, 11, %s, 0, 0, 0))",
        [topic_id, offset, reason, b"{broken", day],
    )


def states(dsn: str) -> list[tuple[Any, ...]]:
    """Topic id, offset, state and why of each letter."""
    return query(dsn, 'select topic_id, "offset", state, why from pipeline.dead_letter order by 1, 2')


def test_a_discarded_letter_stays_with_who_and_why(database: str) -> None:
    """Nothing is deleted."""
    a_letter(database, 5)
    a_letter(database, 6)
    assert discard_letters(database, ["charts/0/5"], "a test message") == 1
    assert states(database) == [("new", 5, "discarded", "a test message"), ("new", 6, "open", None)]
    letter = read_dead_letter(database, "charts/0/5")
    assert (letter.value, letter.state) == (b"{broken", "discarded")
    assert "@" in (letter.decided_by or "")


def test_of_a_topic_that_was_made_anew_the_whole_id_is_asked_for(database: str) -> None:
    """Two messages at one place: neither is taken for the other, whatever their states; both are named."""
    a_letter(database, 5)
    a_letter(database, 5, topic_id="old before 2026-11-20T12:00:00Z", day=1)
    a_letter(database, 6, topic_id="old before 2026-11-20T12:00:00Z", day=1)
    both = ["charts/0/5@new", "charts/0/5@old before 2026-11-20T12:00:00Z"]

    total, listed = find_dead_letters(database, topic="charts", state="open", limit=10)
    assert (total, [letter.identifier for letter in listed]) == (3, [*both, "charts/0/6"])
    for ask in (discard_letters, lambda dsn, ids, _: read_dead_letter(dsn, ids[0])):
        with pytest.raises(DeadLetterAmbiguous) as refused:
            ask(database, ["charts/0/5"], "a test message")
        assert refused.value.exit_code == 2
        assert all(f"{identifier} (open)" in str(refused.value) for identifier in both)

    assert discard_letters(database, [both[1], "charts/0/6"], "a test message") == 2
    assert [state for _, _, state, _ in states(database)] == ["open", "discarded", "discarded"]
    with pytest.raises(DeadLetterAmbiguous):
        discard_letters(database, ["charts/0/5"], "again")
    assert read_dead_letter(database, both[0]).to_json()["topic_id"] == "new"
    with pytest.raises(DeadLetterNotFound):
        read_dead_letter(database, "charts/0/5@other")


def test_all_or_none_are_discarded(database: str) -> None:
    """One that isn't open, is unknown, or is no id at all leaves the others as they are."""
    a_letter(database, 5)
    a_letter(database, 6)
    discard_letters(database, ["charts/0/6"], "first")
    for wrong in ("charts/0/6", "charts/0/7", "charts"):
        with pytest.raises(DeadLetterNotFound) as refused:
            discard_letters(database, ["charts/0/5", wrong], "second")
        assert refused.value.exit_code == 2
    assert states(database) == [("new", 5, "open", None), ("new", 6, "discarded", "first")]


def test_all_of_one_kind_are_discarded(database: str) -> None:
    """Open ones of the topic with the reason; who and why of those discarded before stay."""
    a_letter(database, 5)
    a_letter(database, 6, "missing:rank")
    a_letter(database, 7)
    discard_letters(database, ["charts/0/5"], "first")
    assert discard_all(database, "other", "not_json", "second") == 0
    assert discard_all(database, "charts", "not_json", "second") == 1
    assert [(offset, state, why) for _, offset, state, why in states(database)] == [
        (5, "discarded", "first"),
        (6, "open", None),
        (7, "discarded", "second"),
    ]
