"""Faults that are no video's: they pause the work or end it, and mark nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.transcriber.service.running import a_video, drain, following
from transcriber.faults import OperatorNeeded, PassingFault, ServerGone
from transcriber.service.patience import Patience

if TYPE_CHECKING:
    from tests.transcriber.service.running import Place
    from transcriber.backends.backend import Piece


def test_a_bot_wall_pauses_the_service_and_marks_nothing(place: Place) -> None:
    """While it stands, health says so and nothing is committed; when it is gone, every request is done."""
    wall = [True]

    def fault(_what: str, _video_id: str) -> None:
        if wall[0]:
            raise PassingFault("YouTube takes this address for a robot's.")

    place.source.fault = fault
    videos = [a_video(1), a_video(2)]
    place.request(*videos)
    with following(place) as running:
        running.wait_for(lambda: sum(running.status.pauses().values()) >= 3)
        healthy, facts = running.status.health()
        assert (healthy, facts["state"]) == (False, "degraded")
        assert "robot" in facts["reason"]
        assert place.committed() == 0
        wall[0] = False
        running.wait_for(lambda: running.status.tally.requests == 2)
        assert running.status.health()[0]
    assert running.status.tally.transcribed == 2
    assert place.committed() == 2


def test_the_other_side_says_how_long_to_wait(place: Place) -> None:
    """A fault's own time to wait is kept to, though ours is shorter."""
    asked: list[float] = []

    def fault(what: str, _video_id: str) -> None:
        if what == "look":
            asked.append(time.monotonic())
            if len(asked) == 1:
                raise PassingFault("Too many requests.", retry_after=2.0)

    place.source.fault = fault
    place.request(a_video())
    with following(place) as running:
        running.wait_for(lambda: running.status.tally.requests == 1)
    assert asked[1] - asked[0] >= 2.0


def test_a_fault_while_listening_keeps_what_is_done(place: Place) -> None:
    """The pieces before it aren't done again when the server is back."""
    down = [True]

    def fault(piece: Piece) -> None:
        if piece.start > 0 and down[0]:
            down[0] = False
            raise ServerGone("The server does not answer.")

    place.backend.fault = fault
    place.request(a_video())
    with following(place) as running:
        running.wait_for(lambda: running.status.tally.requests == 1)
    pieces = [about for about, *_ in place.backend.calls.of("piece")]
    assert pieces.count("0") == 1
    assert pieces.count(pieces[1]) == 2
    assert len(place.source.calls.of("fetch")) == 1


def test_a_drain_ends_with_a_fault_that_a_person_has_to_mend(place: Place) -> None:
    """At once, with nothing committed, nothing published and nothing marked."""

    def fault(_what: str, _video_id: str) -> None:
        raise OperatorNeeded("The key is wrong.")

    place.source.fault = fault
    place.patience = Patience(60.0)
    video = a_video()
    place.request(video)
    with pytest.raises(OperatorNeeded, match="key is wrong"):
        drain(place)
    assert place.committed() == 0
    assert place.of(video) == []


def test_a_drain_waits_for_a_passing_fault_only_so_long(place: Place) -> None:
    """What was done before it is committed all the same."""
    good, walled = a_video(1), a_video(2)

    def fault(_what: str, video_id: str) -> None:
        if video_id == walled:
            raise PassingFault("Try later.")

    place.source.fault = fault
    place.patience = Patience(1.0, first_seconds=0.3)
    place.request(good)
    drain(place)
    place.request(walled)
    began = time.monotonic()
    with pytest.raises(PassingFault, match="Try later"):
        drain(place)
    assert time.monotonic() - began < 30
    assert place.committed() == 1


def test_waiting_doubles_up_to_a_quarter_of_an_hour() -> None:
    """15 s, 30 s, … and never more than 15 minutes of our own accord."""
    waits = [Patience(None).wait(pauses, None) for pauses in range(8)]
    assert waits == [15, 30, 60, 120, 240, 480, 900, 900]
    assert Patience(None).wait(0, 3600.0) == 3600.0
    assert Patience(None).wait(7, 0.0) == 15.0
