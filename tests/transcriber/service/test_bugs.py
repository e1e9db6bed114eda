"""Bugs: one message that trips one is given up, and too many in a row end the service."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.transcriber.service.running import a_video, drain, following

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.transcriber.service.running import Place
    from transcriber.backends.backend import Piece


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
