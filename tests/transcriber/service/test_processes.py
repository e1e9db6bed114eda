"""Stopped, interrupted and killed processes: what they leave is enough for the next one to end the work."""

from __future__ import annotations

import json
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.transcriber.service.processes import start, wait_until
from tests.transcriber.service.running import a_video, drain

if TYPE_CHECKING:
    from tests.transcriber.service.running import Place


def _kept(place: Place) -> int:
    return len(list(place.home.glob("transcriber/pieces/*/piece-*.json")))


def _said(value: dict[str, Any]) -> dict[str, Any]:
    """All of a transcription but how long it took."""
    return {**value["item"], "processing_seconds": None}


def _check_resumed(place: Place, video: str, kept: int) -> None:
    """The next run does the other pieces only, and says what an undisturbed run says."""
    assert drain(place).tally.transcribed == 1
    (resumed,) = place.of(video)
    heard = len(place.backend.calls.of("piece"))
    place.request(video, again=True)
    drain(place)
    undisturbed = place.of(video)[-1]
    heard_in_all = len(place.backend.calls.of("piece")) - heard
    assert heard == heard_in_all - kept
    assert _said(resumed) == _said(undisturbed)
    assert not list(place.home.glob("transcriber/pieces/*"))
    assert not list(place.home.glob("transcriber/audio/*"))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)], ids=["SIGTERM", "Ctrl-C"])
def test_a_stop_ends_within_seconds_and_the_next_run_goes_on(place: Place, number: int, code: int) -> None:
    """It ends between segments with what is done kept, nothing published and nothing committed."""
    video = a_video()
    place.request(video)
    process = start(place, "--follow", "--json", seconds=1.0)
    wait_until(process, lambda: _kept(place) >= 2)
    process.send_signal(number)
    asked = time.monotonic()
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert time.monotonic() - asked < 15
    assert json.loads(out)["requests"] == 0
    assert place.of(video) == []
    assert place.committed() == 0
    _check_resumed(place, video, _kept(place))


def test_a_request_to_a_server_that_hangs_does_not_hold_up_the_end(place: Place) -> None:
    """After a short grace it is left alone, and the process ends as if it had been waited for."""
    place.request(a_video())
    process = start(place, "--follow", "--json", seconds=120.0)
    wait_until(process, lambda: list(place.home.glob("transcriber/pieces/*/language.json")))
    assert list(place.home.glob("transcriber/attempts/*"))
    process.terminate()
    asked = time.monotonic()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert time.monotonic() - asked < 20
    assert "work_abandoned" in err
    assert json.loads(out)["requests"] == 0
    assert place.committed() == 0
    assert not list(place.home.glob("transcriber/attempts/*"))  # ended on purpose, it is no crash


def test_a_killed_service_is_finished_by_the_next_with_the_same_message(place: Place) -> None:
    """Pieces that were done aren't done again, and what comes out is what would have come out."""
    video = a_video()
    place.request(video)
    process = start(place, "--follow", seconds=1.0)
    wait_until(process, lambda: _kept(place) >= 2)
    process.kill()
    process.communicate()
    _check_resumed(place, video, _kept(place))


def test_killed_between_publishing_and_committing_the_same_bytes_come_again(place: Place) -> None:
    """The work is not done twice, and a repeat changes no row."""
    video = a_video()
    place.request(video)
    process = start(place, dies="before_commit")
    process.communicate(timeout=90)
    assert process.returncode == -signal.SIGKILL
    assert place.committed() == 0
    assert drain(place).tally.transcribed == 1
    first, second = place.of(video)
    assert first == second
    assert place.source.calls.made == []
    assert place.committed() == 1
    assert not list(place.home.glob("transcriber/answers/*"))


def test_a_drain_prints_what_became_of_the_requests(place: Place) -> None:
    """One JSON document on standard output, and exit code 0."""
    place.request(a_video(1), a_video(2))
    process = start(place, "--json")
    out, err = process.communicate(timeout=90)
    assert process.returncode == 0, err
    report = json.loads(out)
    assert set(report) == {"requests", "transcribed", "failed", "skipped", "refused", "audio_seconds", "seconds"}
    assert (report["requests"], report["transcribed"]) == (2, 2)
    assert report["audio_seconds"] > 0
