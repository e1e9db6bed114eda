"""Faults that should pass and don't, at one video alone: it must not hold up the others, and may not be to blame."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.kafka.reading import read_topic
from tests.transcriber.service.running import a_video, drain, following
from transcriber.faults import MachineFault, PassingFault, ServerGone
from transcriber.service.attempts import Attempts
from transcriber.service.consumer import Delivery
from transcriber.service.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.transcriber.service.running import Place, Running
    from transcriber.backends.backend import Piece
    from transcriber.faults import ServiceFault


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
    place.patience = replace(place.patience, longest_seconds=0.3)
    place.request(a_video(1), a_video(2))
    with following(place) as running:
        running.wait_for(lambda: sum(running.status.pauses().values()) >= 6)
        wall[0] = False
        running.wait_for(lambda: running.status.tally.requests == 2)
    assert running.status.tally.failed == {}
    assert running.status.tally.transcribed == 2


def test_a_wall_that_rises_after_another_was_fetched_marks_nothing(place: Place) -> None:
    """What could be had before tells nothing of now; the other's audio is asked for anew."""
    first, second = a_video(1), a_video(2)
    served: list[str] = []
    wall = [True]

    def fault(what: str, video_id: str) -> None:
        if what == "fetch" and wall[0]:
            if video_id == first or served:
                raise PassingFault("403 for every format.")
            served.append(video_id)

    place.source.fault = fault
    place.patience = replace(place.patience, longest_seconds=0.3)
    place.request(first, second, key=b"same")
    with following(place) as running:
        running.wait_for(lambda: sum(running.status.pauses().values()) >= 8)
        assert [video for video, *_ in place.source.calls.of("fetch")].count(second) >= 2
        wall[0] = False
        running.wait_for(lambda: running.status.tally.requests == 2)
    assert running.status.tally.transcribed == 2


def _refuse_audio(*videos: str) -> Callable[[str, str], None]:
    """A source's fault that refuses the audio of these alone."""

    def fault(what: str, video_id: str) -> None:
        if what == "fetch" and video_id in videos:
            raise PassingFault("403 for every format.")

    return fault


def test_a_video_whose_audio_alone_is_refused_holds_up_nobody(place: Place) -> None:
    """Another's audio can be had in between, again and again if need be: the refusal is of this video."""
    odd, good = a_video(1), a_video(2)

    place.source.fault = _refuse_audio(odd)
    place.request(odd, good, key=b"same")
    with following(place) as running:
        running.wait_for(lambda: running.status.tally.requests == 2)
    assert dict(running.status.tally.failed) == {"unexplained": 1}
    assert running.status.tally.transcribed == 1
    (failed,) = place.of(odd)
    assert "403 for every format" in failed["item"]["detail"]
    assert [value["item"]["status"] for value in place.of(good)] == ["transcribed"]
    assert place.committed() == 2


def test_videos_whose_audio_alone_is_refused_hold_up_nobody(place: Place) -> None:
    """Several in a row, with others between and after them."""
    videos = [a_video(number) for number in range(6)]
    odd = {videos[0], videos[1], videos[3]}

    place.source.fault = _refuse_audio(*odd)
    place.patience = replace(place.patience, longest_seconds=0.3)
    place.request(*videos, key=b"same")
    with following(place) as running:
        running.wait_for(lambda: running.status.tally.requests == 6)
    assert dict(running.status.tally.failed) == {"unexplained": 3}
    assert running.status.tally.transcribed == 3


def test_faults_of_another_kind_tell_nothing_of_this_one(place: Place) -> None:
    """A night before a wall of downloads, then one look that fails: the video is not given up for it."""
    first, second = a_video(1), a_video(2)
    wall = [True]
    looks: list[str] = []

    def fault(what: str, video_id: str) -> None:
        if what == "fetch" and wall[0]:
            raise PassingFault("403 for every format.")
        if what == "look" and video_id == first:
            looks.append(video_id)
            if len(looks) in {6, 7}:
                raise PassingFault("429")

    place.source.fault = fault
    place.patience = replace(place.patience, longest_seconds=0.3)
    place.request(first, second, key=b"same")
    with following(place) as running:
        running.wait_for(lambda: len(looks) >= 9)
        wall[0] = False
        running.wait_for(lambda: running.status.tally.requests == 2)
    assert running.status.tally.failed == {}
    assert running.status.tally.transcribed == 2


def test_another_that_was_begun_before_clears_up_a_doubt(place: Place) -> None:
    """The only other video ended a process once: it is fetched all the same, while nothing else is done."""
    odd, good = a_video(1), a_video(2)

    place.source.fault = _refuse_audio(odd)
    place.patience = replace(place.patience, longest_seconds=0.3)
    place.request(odd, good, key=b"same")
    asked = [record for record in read_topic(place.bootstrap_servers, place.topic) if good.encode() in record.value]
    for record in asked:
        delivery = Delivery(place.topic, record.partition, record.offset, record.value)
        Attempts(place.home / "transcriber" / "attempts").begin(delivery.digest)
    with following(place) as running:
        running.wait_for(lambda: running.status.tally.requests == 2)
    assert dict(running.status.tally.failed) == {"unexplained": 1}
    assert running.status.tally.transcribed == 1


def _fail_at(video: str, running: list[Running], make: Callable[[], ServiceFault]) -> Callable[[Piece], None]:
    """A fault of whatever listens while it listens to one video."""

    def fault(_piece: Piece) -> None:
        current = running[0].status.current if running else None
        if current is not None and current.video_id == video:
            raise make()

    return fault


def _no_memory() -> ServiceFault:
    return MachineFault("The Whisper model stopped on this machine.")


def test_a_video_that_alone_stops_the_model_holds_up_nobody(place: Place) -> None:
    """After four times the next is tried before its turn; when that one is done, the fault is the video's."""
    odd, good = a_video(1), a_video(2)
    known: list[Running] = []
    place.backend.fault = _fail_at(odd, known, _no_memory)
    place.request(odd, good, key=b"same")
    with following(place) as running:
        known.append(running)
        running.wait_for(lambda: running.status.tally.requests == 2)
    assert dict(running.status.tally.failed) == {"unexplained": 1}
    assert running.status.tally.transcribed == 1
    (failed,) = place.of(odd)
    assert "Whisper model stopped" in failed["item"]["detail"]
    assert [value["item"]["status"] for value in place.of(good)] == ["transcribed"]
    assert [video for video, *_ in place.source.calls.of("fetch")].count(good) == 1
    assert place.committed() == 2


def test_a_machine_that_fails_at_every_video_marks_nothing(place: Place) -> None:
    """Others are tried and fail as well: it is waited until the machine is mended."""
    ill = [True]

    def fault(_piece: Piece) -> None:
        if ill[0]:
            raise _no_memory()

    place.backend.fault = fault
    place.patience = replace(place.patience, longest_seconds=0.3)
    place.request(a_video(1), a_video(2), key=b"same")
    with following(place) as running:
        running.wait_for(lambda: sum(running.status.pauses().values()) >= 7)
        assert running.status.tally.requests == 0
        ill[0] = False
        running.wait_for(lambda: running.status.tally.requests == 2)
    assert running.status.tally.transcribed == 2


def test_a_machine_that_is_mended_while_another_video_is_tried_marks_nothing(place: Place) -> None:
    """The first video is begun once more after the other, and is done."""
    odd, good = a_video(1), a_video(2)
    ill = [True]

    def fault(what: str, video_id: str) -> None:
        if what == "fetch" and video_id == odd and ill[0]:
            raise MachineFault("No space is left.")

    def mend(_piece: Piece) -> None:
        ill[0] = False

    place.source.fault, place.backend.fault = fault, mend
    place.request(odd, good, key=b"same")
    with following(place) as running:
        running.wait_for(lambda: running.status.tally.requests == 2)
    assert running.status.tally.transcribed == 2
    assert len(place.of(good)) == 1


def test_a_video_too_large_for_the_disk_ends_no_drain(place: Place) -> None:
    """It is tried four times, the others are done, and the run ends well."""
    odd, *good = (a_video(number) for number in range(3))

    def fault(what: str, video_id: str) -> None:
        if what == "fetch" and video_id == odd:
            raise MachineFault("No space is left.")

    place.source.fault = fault
    place.patience = Patience(2.0, first_seconds=0.1)
    place.request(odd, *good, key=b"same")
    tally = drain(place).tally
    assert (tally.transcribed, tally.failed) == (2, {"unexplained": 1})
    assert place.committed() == 3


def test_a_server_that_fails_at_one_video_marks_nothing(place: Place) -> None:
    """It may be up now and then: that tells nothing of a video."""
    odd, good = a_video(1), a_video(2)
    known: list[Running] = []
    place.backend.fault = _fail_at(odd, known, lambda: ServerGone("The server does not answer."))
    place.patience = replace(place.patience, longest_seconds=0.3)
    place.request(odd, good, key=b"same")
    with following(place) as running:
        known.append(running)
        running.wait_for(lambda: sum(running.status.pauses().values()) >= 7)
        assert running.status.tally.requests == 0
