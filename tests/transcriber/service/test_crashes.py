"""Videos that take the process with them: each start leads to the next death, until the video is given up."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

from tests.transcriber.service.processes import start
from tests.transcriber.service.running import a_video, drain
from transcriber.service.attempts import MOST_STARTS

if TYPE_CHECKING:
    from tests.transcriber.service.running import Place


def _die(place: Place, **how: Any) -> None:
    process = start(place, "--follow", **how)
    process.communicate(timeout=90)
    assert process.returncode == -signal.SIGKILL


def test_a_file_that_kills_the_process_is_given_up_after_five_starts(place: Place) -> None:
    """Each start leads to the next death, until the message is answered as failed and the service goes on."""
    video = a_video()
    place.request(video)
    for _ in range(5):
        _die(place, dies="while_listening")
    process = start(place, "--json", dies="while_listening")
    out, err = process.communicate(timeout=90)
    assert process.returncode == 0, err
    assert json.loads(out)["failed"] == {"crashes_the_transcriber": 1}
    (value,) = place.of(video)
    assert value["item"]["reason"] == "crashes_the_transcriber"
    assert place.committed() == 1


def test_a_video_that_kills_the_process_while_it_is_brought_is_given_up_too(place: Place) -> None:
    """A demuxer reads a file's header before anybody listens: a crash in it counts no less."""
    video = a_video()
    place.request(video)
    for count in (1, 2):
        _die(place, dies="while_bringing", victim=video)
        assert _starts(place) == [count]
    _count_starts(place, MOST_STARTS)
    assert drain(place).tally.failed == {"crashes_the_transcriber": 1}
    assert place.committed() == 1
    assert place.source.calls.made == []


def test_a_crash_while_the_next_video_is_brought_is_not_blamed_on_the_one_before(place: Place) -> None:
    """From the second start on, what may have ended the first is brought alone; the video before it is done by then."""
    good, bad = a_video(1), a_video(2)
    place.request(good, bad, key=b"same")
    _die(place, seconds=1.0, dies="while_bringing", victim=bad)
    assert place.of(good) == []
    _die(place, seconds=1.0, dies="while_bringing", victim=bad)
    assert {value["item"]["status"] for value in place.of(good)} == {"transcribed"}
    _count_starts(place, MOST_STARTS)
    drain(place)
    assert {value["item"]["status"] for value in place.of(good)} == {"transcribed"}
    assert [value["item"]["reason"] for value in place.of(bad)] == ["crashes_the_transcriber"]
    assert place.committed() == 2


def _starts(place: Place) -> list[int]:
    return [int(path.read_text()) for path in place.home.glob("transcriber/attempts/*")]


def _count_starts(place: Place, number: int) -> None:
    """As if the one message that is left had been begun so often."""
    (path,) = place.home.glob("transcriber/attempts/*")
    path.write_text(str(number))
