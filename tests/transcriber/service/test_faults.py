"""Faults that are no video's, bugs, and files that take the process with them."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.transcriber.service.running import a_video, drain, following
from transcriber.backends.opened import Backends
from transcriber.faults import ModelGone, OperatorNeeded, PassingFault, ServerGone
from transcriber.service.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.transcriber.service.doubles import ClipBackend
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


def test_a_video_that_alone_gives_a_passing_fault_holds_up_nobody(place: Place) -> None:
    """When it has come back a few times and another video can be had, it is the video's after all."""
    odd, good = a_video(1), a_video(2)

    def fault(_what: str, video_id: str) -> None:
        if video_id == odd:
            raise PassingFault("YouTube says something new.")

    place.source.fault = fault
    place.request(odd)
    with following(place) as running:
        running.wait_for(lambda: bool(place.source.calls.of("look")))
        place.request(good)
        running.wait_for(lambda: running.status.tally.requests == 2)
        assert sum(running.status.pauses().values()) >= 3
    assert dict(running.status.tally.failed) == {"unexplained": 1}
    assert running.status.tally.transcribed == 1
    (failed,) = place.of(odd)
    assert "something new" in failed["item"]["detail"]
    assert place.committed() == 2


def test_a_wall_before_downloads_alone_marks_nothing(place: Place) -> None:
    """Looks pass and downloads are refused, as YouTube does with robots: that is no video's fault."""
    wall = [True]

    def fault(what: str, _video_id: str) -> None:
        if what == "fetch" and wall[0]:
            raise PassingFault("403 for every format.")

    place.source.fault = fault
    place.request(a_video(1), a_video(2))
    with following(place) as running:
        running.wait_for(lambda: sum(running.status.pauses().values()) >= 6)
        wall[0] = False
        running.wait_for(lambda: running.status.tally.requests == 2)
    assert running.status.tally.failed == {}
    assert running.status.tally.transcribed == 2


def test_waiting_doubles_up_to_a_quarter_of_an_hour() -> None:
    """15 s, 30 s, … and never more than 15 minutes of our own accord."""
    waits = [Patience(None).wait(pauses, None) for pauses in range(8)]
    assert waits == [15, 30, 60, 120, 240, 480, 900, 900]
    assert Patience(None).wait(0, 3600.0) == 3600.0
    assert Patience(None).wait(7, 0.0) == 15.0


def test_a_message_that_trips_a_bug_is_given_up_and_the_rest_goes_on(place: Place) -> None:
    """It is begun five times, then recorded as failed; the next request is done."""
    bad, good = a_video(1), a_video(2)
    place.backend.fault = _raise_once_heard(place, bad)
    place.request(bad)
    with following(place) as running:
        running.wait_for(lambda: bool(place.source.calls.of("fetch")))
        place.request(good)
        running.wait_for(lambda: running.status.tally.requests == 2, 120)
    assert running.status.tally.failed == {"crashes_the_transcriber": 1}
    assert running.status.tally.transcribed == 1
    assert len([video for video, *_ in place.source.calls.of("fetch") if video == bad]) == 5
    assert place.committed() == 2


def _raise_once_heard(place: Place, video: str) -> Callable[[Piece], None]:
    def fault(_piece: Piece) -> None:
        fetched = [about for about, *_ in place.source.calls.of("fetch")]
        answered = {value["video_id"] for value in place.of(video)}
        if fetched[0] == video and not answered:
            raise ValueError("Nobody foresaw this.")

    return fault


def test_bugs_that_every_message_trips_end_the_service(place: Place) -> None:
    """Too many in a row are no message's fault: the run ends with the bug, and the rest stays to be done."""

    def fault(_piece: Piece) -> None:
        raise ValueError("Nobody foresaw this.")

    place.backend.fault = fault
    place.patience = replace(place.patience, most_bugs=7)
    place.request(*[a_video(number) for number in range(4)])
    with pytest.raises(ValueError, match="foresaw"):
        drain(place)
    assert place.committed() <= 1


def test_a_model_that_only_one_request_names_stops_nobody(place: Place) -> None:
    """It can't be had, so that request fails; the one after it is done with the usual model."""

    def open_one(name: str) -> ClipBackend:
        if name != "double":
            raise OperatorNeeded(f"There is no model {name}.")
        return place.backend

    place.backends = Backends("local", "double", open_one)
    odd, usual = a_video(1), a_video(2)
    place.request(odd, model="huge")
    place.request(usual)
    tally = drain(place).tally
    assert (tally.transcribed, tally.failed) == (1, {"refused_by_backend": 1})
    (value,) = place.of(odd)
    assert (value["item"]["model"], value["item"]["model_revision"]) == ("huge", None)
    assert "no model huge" in value["item"]["detail"]


def test_a_model_that_turns_out_to_be_gone_pauses_only_where_it_is_the_usual_one(place: Place) -> None:
    """A server says so with the first piece: a request that names the model fails, the usual one waits for a person."""
    gone = [True]

    def fault(_piece: Piece) -> None:
        if gone[0]:
            raise ModelGone("The server has no such model.")

    place.backend.fault = fault
    odd = a_video()
    place.request(odd, model="huge")
    assert drain(place).tally.failed == {"refused_by_backend": 1}
    place.request(a_video())
    with following(place) as running:
        running.wait_for(running.status.pauses)
        assert running.status.tally.requests == 0
        gone[0] = False
        running.wait_for(lambda: running.status.tally.transcribed == 1)


def test_the_usual_model_has_to_be_there_before_a_message_is_taken(place: Place) -> None:
    """Else the command ends before it joins the group."""

    def open_one(name: str) -> ClipBackend:
        raise OperatorNeeded(f"There is no model {name}.")

    place.backends = Backends("local", "double", open_one)
    place.request(a_video())
    with pytest.raises(OperatorNeeded, match="no model double"):
        drain(place)
    assert place.source.calls.made == []
