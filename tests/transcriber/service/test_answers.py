"""What becomes of requests: each ends in one named outcome, and its message is committed after its answer."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from tests.transcriber.service.doubles import CLIP
from tests.transcriber.service.running import a_video, drain, texts
from transcriber.faults import VideoFault
from trendscript.contracts import load_contract
from trendscript.contracts.rows import MessageReader, Rejected
from trendscript.kafka import Message

if TYPE_CHECKING:
    from tests.transcriber.service.running import Place


def _accepted(topic: str, values: list[Any]) -> bool:
    reader = MessageReader(load_contract(topic))
    return not any(isinstance(reader.read(orjson.dumps(value)), Rejected) for value in values)


def test_a_request_gives_a_transcription_and_a_look(place: Place) -> None:
    """One message each, which their contracts accept; every piece's sentence is there at its second."""
    video = a_video()
    (request,) = place.request(video)
    status = drain(place)
    (value,) = place.of(video)
    looks = [look for look in place.values("youtube_audio_format") if look["item"]["id"] == video]
    assert _accepted("youtube_transcription", [value])
    assert _accepted("youtube_audio_format", looks)
    assert len(looks) == 1
    assert value["request_id"] == request.request_id
    item = value["item"]
    assert (item["status"], item["method"], item["backend"], item["model"]) == (
        "transcribed",
        "speech",
        "local",
        "double",
    )
    assert item["audio"] == {
        "sha256": hashlib.sha256(CLIP.read_bytes()).hexdigest(),
        "bytes": CLIP.stat().st_size,
        "itag": None,
    }
    assert len(texts(value)) > 1
    assert [f"Piece at {segment['start']:g}." for segment in item["segments"]] == texts(value)
    assert status.tally.to_dict() | {"audio_seconds": 0, "seconds": 0} == {
        "requests": 1,
        "transcribed": 1,
        "failed": {},
        "skipped": 0,
        "refused": 0,
        "audio_seconds": 0,
        "seconds": 0,
    }
    assert place.committed() == 1


def test_twenty_requests_over_four_partitions_are_each_answered_once(place: Place) -> None:
    """More than are taken at once: none is lost, none is answered twice, all are committed."""
    videos = [a_video(number) for number in range(20)]
    place.request(*videos)
    assert drain(place).tally.transcribed == 20
    assert sorted(value["video_id"] for value in place.values() if value["video_id"] in videos) == sorted(videos)
    assert place.committed() == 20


def test_nothing_waits_and_the_drain_ends(place: Place) -> None:
    """An empty topic is drained at once."""
    assert drain(place).tally.requests == 0


def test_a_video_that_was_done_is_skipped_the_next_time(place: Place) -> None:
    """A second request for the same audio, model and options is neither listened to nor answered by a message."""
    video = a_video()
    place.request(video)
    drain(place)
    place.request(video)
    status = drain(place)
    assert status.tally.skipped == 1
    assert len(place.of(video)) == 1
    assert place.committed() == 2


def test_two_requests_for_one_video_at_once_are_one_work(place: Place) -> None:
    """The second one's audio is brought while the first is listened to; it is skipped all the same."""
    video = a_video()
    place.request(video, video)
    tally = drain(place).tally
    assert (tally.transcribed, tally.skipped) == (1, 1)
    assert len(place.of(video)) == 1


def test_again_is_done_again_under_the_same_id(place: Place) -> None:
    """A request that insists gives a newer message of the same transcription."""
    video = a_video()
    place.request(video)
    drain(place)
    heard_once = len(place.backend.calls.of("piece"))
    place.request(video, again=True)
    assert drain(place).tally.transcribed == 1
    first, second = place.of(video)
    assert first["item"]["transcription_id"] == second["item"]["transcription_id"]
    assert first["captured_at"] < second["captured_at"]
    assert len(place.backend.calls.of("piece")) == 2 * heard_once


def test_two_videos_of_the_same_sound_are_two_transcriptions(place: Place) -> None:
    """The id names the video, too: else one row would stand for both."""
    one, two = a_video(1), a_video(2)
    place.request(one, two)
    drain(place)
    ids = {value["item"]["transcription_id"] for video in (one, two) for value in place.of(video)}
    assert len(ids) == 2


def test_a_fault_of_the_video_is_its_answer(place: Place) -> None:
    """It is recorded with its reason and committed; those after it are done."""
    private, good = a_video(1), a_video(2)

    def fault(what: str, video_id: str) -> None:
        if video_id == private and what == "look":
            raise VideoFault("private", "YouTube says that the video is private.")

    place.source.fault = fault
    place.request(private, good)
    tally = drain(place).tally
    assert (tally.transcribed, tally.failed) == (1, {"private": 1})
    (value,) = place.of(private)
    assert _accepted("youtube_transcription", [value])
    assert (value["item"]["status"], value["item"]["reason"]) == ("failed", "private")
    assert place.committed() == 2


def test_a_video_that_fails_twice_the_same_way_has_one_id(place: Place) -> None:
    """A retry updates one row."""
    video = a_video()

    def fault(_what: str, _video_id: str) -> None:
        raise VideoFault("removed", "It is gone.")

    place.source.fault = fault
    place.request(video, video)
    assert drain(place).tally.failed == {"removed": 2}
    assert len({value["item"]["transcription_id"] for value in place.of(video)}) == 1


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"not json",
        b'{"video_id": "--exec=rm"}',
        orjson.dumps(
            {
                "source": "request_transcription",
                "captured_at": "2026-11-20T10:00:00Z",
                "request_id": "0" * 32,
                "video_id": "file:///etc",
                "model": None,
                "again": False,
                "reason": "asked",
            }
        ),
    ],
    ids=["tombstone", "nothing", "text", "an_option", "a_file"],
)
def test_a_message_that_the_contract_refuses_is_passed_over(place: Place, value: bytes | None) -> None:
    """It is counted and committed, nothing is fetched for it, and the next request is done."""
    video = a_video()
    place.send(Message(place.topic, b"key", value))
    place.request(video)
    tally = drain(place).tally
    assert (tally.refused, tally.transcribed) == (1, 1)
    assert [about for about, *_ in place.source.calls.of("look")] == [video]
    assert place.committed() == 2


def test_a_transcript_too_large_for_a_message_fails_with_that_reason(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is cut off: the row says why there is no transcript."""
    monkeypatch.setattr("transcriber.outgoing._MOST_BYTES", 1_000)
    video = a_video()
    place.request(video)
    assert drain(place).tally.failed == {"transcript_too_large": 1}
    (value,) = place.of(video)
    assert value["item"]["reason"] == "transcript_too_large"
    assert not list(place.home.glob("transcriber/pieces/*"))


def test_a_file_that_is_no_audio_fails_with_that_reason(place: Place) -> None:
    """What the decoder refuses is the video's fault."""
    text = place.home / "text.mp3"
    text.write_text("I am no sound. " * 100)
    place.source.file = text
    place.request(a_video())
    assert drain(place).tally.failed == {"not_audio": 1}
