"""Work beside the poll loop: the group is kept, shared, and left; the next audio comes while this one is heard."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from kafka.structs import MemberState
from structlog.testing import capture_logs

from tests.transcriber.service.doubles import ClipBackend, ClipSource
from tests.transcriber.service.running import a_video, drain, following
from transcriber.service.consumer import RequestConsumer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.transcriber.service.running import Place


def test_work_longer_than_the_poll_interval_keeps_its_place(place: Place) -> None:
    """Ten seconds of work where a consumer that does not poll for six is put out: nothing is delivered twice."""
    place.membership = replace(place.membership, max_poll_interval_ms=6_000)
    place.backend.seconds = 2.5
    video = a_video()
    place.request(video)
    with capture_logs() as logs:
        status = drain(place)
    assert status.tally.seconds > 9
    moves = [entry["event"] for entry in logs if entry["event"].startswith("partitions_")]
    assert moves == ["partitions_taken", "partitions_handed_over"]  # handed over by leaving, at the end
    assert len(place.source.calls.of("look")) == 1
    assert place.committed() == 1


def test_the_next_audio_is_fetched_while_this_one_is_heard(place: Place) -> None:
    """The second video's fetch is over before the first one's listening is; the third one's has not begun."""
    videos = [a_video(number) for number in range(3)]
    place.backend.seconds = 1.0
    place.request(*videos)
    drain(place)
    pieces = place.backend.calls.of("piece")
    a_third = len(pieces) // 3
    fetches = place.source.calls.of("fetch")
    first_heard = pieces[a_third - 1][2]
    assert first_heard is not None
    assert fetches[1][2] is not None
    assert fetches[1][2] < first_heard
    assert fetches[2][1] > first_heard


def test_two_members_share_the_partitions(place: Place, tmp_path: Path) -> None:
    """One joins while the other works: both answer some, and all are answered and committed."""
    videos = [a_video(number) for number in range(24)]
    place.backend.seconds = 0.2
    other = replace(place, home=tmp_path / "other", source=ClipSource(), backend=ClipBackend(seconds=0.2))
    place.request(*videos)
    with following(place) as one:
        one.wait_for(lambda: one.status.tally.requests >= 1)
        with following(other) as two:
            two.wait_for(lambda: one.status.tally.requests + two.status.tally.requests >= 24, seconds=90)
            two.wait_for(lambda: place.committed() == 24)
            assert one.status.tally.requests
            assert two.status.tally.requests
    assert {value["video_id"] for value in place.values()} >= set(videos)


def test_a_partition_that_goes_elsewhere_is_not_worked_on_any_more(place: Place, tmp_path: Path) -> None:
    """A long video of a partition that moves is put aside and done by the other; nobody fails, nobody waits."""
    videos = [a_video(number) for number in range(8)]
    place.backend.seconds = 1.0
    place.request(*videos)
    other = replace(place, home=tmp_path / "other", source=ClipSource(), backend=ClipBackend())
    with capture_logs() as logs, following(place) as one:
        one.wait_for(lambda: place.backend.calls.made)
        with following(other) as two:
            two.wait_for(lambda: place.committed() == 8, seconds=90)
    assert "partitions_handed_over" in [entry["event"] for entry in logs]
    assert {value["video_id"] for value in place.values()} >= set(videos)


def test_a_rejoin_that_the_client_forgot_is_finished(place: Place) -> None:
    """The client can be left between two groups, neither joining nor asking to: it is made to go on."""
    membership = replace(place.membership, group=place.group)
    with RequestConsumer(
        place.topic, membership, bootstrap_servers=place.bootstrap_servers, client_properties=None
    ) as consumer:
        _poll_until(consumer, lambda: len(consumer.partitions) == 4)
        coordinator = consumer._consumer._coordinator  # noqa: SLF001  (only from inside can it be brought there)
        coordinator.state = MemberState.REBALANCING
        coordinator._disable_heartbeat()  # noqa: SLF001  (as above)
        _poll_until(consumer, lambda: coordinator.state == MemberState.STABLE and len(consumer.partitions) == 4)
        assert consumer.commit({0: 0})


def _poll_until(consumer: RequestConsumer, holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        consumer.poll(0.1)
