"""Models that can't be had: one that only a request names is its own affair, the usual one is everybody's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.transcriber.service.running import a_video, drain, following
from transcriber.backends.opened import Backends
from transcriber.faults import ModelGone, OperatorNeeded

if TYPE_CHECKING:
    from tests.transcriber.service.doubles import ClipBackend
    from tests.transcriber.service.running import Place
    from transcriber.backends.backend import Piece


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
