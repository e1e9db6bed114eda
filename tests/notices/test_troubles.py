"""When troubles are told: once, again after a day, not each time they come and go; their end once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from trendscript.notices.news import Key, Kind, Trouble
from trendscript.notices.troubles import plan_troubles

if TYPE_CHECKING:
    from trendscript.notices.memory import Memory

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
TROUBLE = Trouble("failure", "load charts", "OffsetsExpired", "Gone.", 78)
OTHER = Trouble("failure", "load charts", "ClusterChanged", "Another.", 78)


class _Life:
    """Memory that lives through one look after the other."""

    def __init__(self) -> None:
        self.memories: dict[Key, Memory] = {}

    def look(self, hours: float, *troubles: Trouble, well: bool = False) -> tuple[list[tuple[str, bool]], list[str]]:
        """What is told after so many hours: causes, each with whether again; and what is over."""
        passed: set[tuple[Kind, str]] = {("failure", "load charts")} if well else set()
        told, over, changed = plan_troubles(self.memories, troubles, passed, START + timedelta(hours=hours))
        self.memories |= changed
        return [(one.trouble.cause, one.again) for one in told], [cause for one in over for cause in one.causes]


def test_what_lasts_is_told_once_and_again_after_a_day() -> None:
    """However often it is met; its end is told once."""
    life = _Life()
    assert life.look(0, TROUBLE) == ([("OffsetsExpired", False)], [])
    assert all(life.look(half / 2, TROUBLE) == ([], []) for half in range(1, 48))
    assert life.look(24, TROUBLE) == ([("OffsetsExpired", True)], [])
    assert life.look(25, TROUBLE) == ([], [])
    assert life.look(26, well=True) == ([], ["OffsetsExpired"])
    assert life.look(27, well=True) == ([], [])


def test_what_was_not_looked_at_is_not_over() -> None:
    """A load of other topics says nothing of this one."""
    life = _Life()
    life.look(0, TROUBLE)
    assert life.look(1) == ([], [])
    assert life.look(2, well=True) == ([], ["OffsetsExpired"])


def test_another_cause_is_told_and_both_end_as_one() -> None:
    """Whoever mends one has to know of the other."""
    life = _Life()
    life.look(0, TROUBLE)
    assert life.look(1, OTHER) == ([("ClusterChanged", False)], [])
    assert life.look(1.5, TROUBLE) == ([], [])
    assert life.look(2, well=True) == ([], ["ClusterChanged", "OffsetsExpired"])


def test_what_comes_and_goes_is_told_every_three_hours_at_most() -> None:
    """An end is told only of what was told; what stays is told once the three hours are over."""
    life = _Life()
    heard = 0
    for half in range(24):
        told, over = life.look(half / 2, *([TROUBLE] if half % 2 == 0 else []), well=half % 2 == 1)
        heard += len(told) + len(over)
    assert heard == 8
    life = _Life()
    life.look(0, TROUBLE)
    life.look(0.5, well=True)
    assert life.look(1, TROUBLE) == ([], [])
    assert life.look(3, TROUBLE) == ([("OffsetsExpired", False)], [])
    assert life.look(3.5, well=True) == ([], ["OffsetsExpired"])
