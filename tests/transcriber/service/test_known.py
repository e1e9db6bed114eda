"""What need not be done: captions that suffice, and work that the warehouse has already."""

from __future__ import annotations

import hashlib
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest

from tests.transcriber.service.doubles import CLIP
from tests.transcriber.service.running import a_video, drain, texts
from transcriber.captions import Captions
from transcriber.faults import VideoFault
from transcriber.records import Recipe, transcription_id
from transcriber.speech import Segment

if TYPE_CHECKING:
    from tests.transcriber.service.running import Place

RECIPE = Recipe("local", "double", "1", {"beam_size": 1})


SEGMENTS = (Segment(0.5, 2.0, "Hello\x00 there."), Segment(2.0, 3.0, "Bye."))
CAPTIONS = Captions("captions_manual", "en-GB", SEGMENTS)


def _write(dsn: str, statement: str, parameters: dict[str, Any]) -> None:
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def _hold_transcription(dsn: str, video: str, **columns: Any) -> None:
    """A row as the load job would have written it."""
    row = {
        "transcription_id": "0" * 64,
        "video_id": video,
        "method": "speech",
        "status": "transcribed",
        "backend": "local",
        "model_revision": "1",
        "options": '{"beam_size": 1}',
        "audio_itag": None,
        "audio_bytes": CLIP.stat().st_size,
        **columns,
    }
    names = ", ".join(row)
    values = ", ".join(f"%({name})s" for name in row)
    _write(
        dsn,
        "insert into processed.video (video_id, source_partition, source_offset, batch_id) "
        "values (%(video)s, 0, 0, 0) on conflict do nothing",
        {"video": video},
    )
    _write(
        dsn,
        f"insert into processed.transcription ({names}, captured_at, source, row_digest, source_partition, "  # noqa: S608  (names of this module)
        f"source_offset, batch_id) values ({values}, now(), 'transcriber', '', 0, 0, 0)",
        row,
    )


def test_what_the_warehouse_has_by_its_id_is_not_listened_to(place: Place, database: str) -> None:
    """The same sound and options, done elsewhere: the audio is fetched to tell, and no more."""
    video = a_video()
    name = transcription_id(video, hashlib.sha256(CLIP.read_bytes()).hexdigest(), RECIPE)
    _hold_transcription(database, video, transcription_id=name)
    place.find_dsn = lambda: database
    place.request(video)
    assert drain(place).tally.skipped == 1
    assert len(place.source.calls.of("fetch")) == 1
    assert place.backend.calls.made == []
    assert place.of(video) == []


def test_what_the_warehouse_has_by_format_and_size_is_not_fetched(place: Place, database: str) -> None:
    """YouTube's number and the size of the file are the same: it is the same audio."""
    video = a_video()
    place.source.itag = 140
    _hold_transcription(database, video, audio_itag=140)
    place.find_dsn = lambda: database
    place.request(video)
    assert drain(place).tally.skipped == 1
    assert place.source.calls.of("fetch") == []


@pytest.mark.parametrize(
    "other",
    [
        {"audio_itag": 251},
        {"audio_bytes": 1},
        {"options": '{"beam_size": 5}'},
        {"model_revision": "2"},
        {"status": "failed"},
    ],
    ids=["itag", "size", "options", "revision", "failed"],
)
def test_what_differs_is_done(place: Place, database: str, other: dict[str, Any]) -> None:
    """Another format, size, model or set of options, or a failed attempt, is not the same work."""
    video = a_video()
    place.source.itag = 140
    _hold_transcription(database, video, **{"audio_itag": 140, **other})
    place.find_dsn = lambda: database
    place.request(video)
    assert drain(place).tally.transcribed == 1


def _hold_format(dsn: str, video: str, *, itag: int | None, size: int) -> None:
    """A look as the load job would have written it, of a video that is there."""
    _hold_transcription(dsn, video, transcription_id=hashlib.sha256(video.encode()).hexdigest())
    _write(
        dsn,
        "insert into processed.audio_format (video_id, itag, bytes, captured_at, source, row_digest, "
        "source_partition, source_offset, batch_id) "
        "values (%(video)s, %(itag)s, %(size)s, now(), 'folder', '', 0, 0, 0)",
        {"video": video, "itag": itag, "size": size},
    )


def _looks_published(place: Place, *videos: str) -> list[str]:
    looks = [value["item"]["id"] for value in place.values("youtube_audio_format")]
    return [video for video in looks if video in videos]


def test_a_look_that_the_warehouse_knows_is_not_published(place: Place, database: str) -> None:
    """The format goes out once for each change."""
    same, changed = a_video(1), a_video(2)
    place.source.itag = 140
    for video, size in ((same, CLIP.stat().st_size), (changed, 1)):
        _hold_format(database, video, itag=140, size=size)
    place.find_dsn = lambda: database
    place.request(same, changed)
    drain(place)
    assert _looks_published(place, same, changed) == [changed]


def test_a_look_that_shows_less_than_the_one_before_is_not_published(place: Place, database: str) -> None:
    """A folder knows no format numbers: its look is no change, and must not take away what is known."""
    video = a_video()
    _hold_format(database, video, itag=140, size=CLIP.stat().st_size)
    place.find_dsn = lambda: database
    place.request(video)
    drain(place)
    assert _looks_published(place, video) == []


def test_captions_that_are_there_suffice(place: Place) -> None:
    """With captions first, the audio isn't even looked at; U+0000, which no table holds, is shown as U+FFFD."""
    place.captions = lambda _video_id: CAPTIONS
    place.settings = {"transcription_captions": "first"}
    video = a_video()
    place.request(video)
    assert drain(place).tally.transcribed == 1
    (value,) = place.of(video)
    item = value["item"]
    assert (item["method"], item["backend"], item["language"]) == ("captions_manual", "youtube", "en")
    assert texts(value) == ["Hello\ufffd there.", "Bye."]
    assert place.source.calls.made == []


def test_the_same_captions_a_second_time_are_skipped(place: Place) -> None:
    """Nothing new is said."""
    place.captions = lambda _video_id: CAPTIONS
    place.settings = {"transcription_captions": "first"}
    video = a_video()
    place.request(video, video)
    tally = drain(place).tally
    assert (tally.transcribed, tally.skipped) == (1, 1)
    assert len(place.of(video)) == 1


def test_without_captions_the_audio_is_listened_to(place: Place) -> None:
    """Captions first means first, not only."""
    place.settings = {"transcription_captions": "first"}
    video = a_video()
    place.request(video)
    drain(place)
    assert [value["item"]["method"] for value in place.of(video)] == ["speech"]


def test_captions_also_gives_both(place: Place) -> None:
    """Two rows, each with its method."""
    place.captions = lambda _video_id: Captions("captions_generated", "en", SEGMENTS)
    place.settings = {"transcription_captions": "also"}
    video = a_video()
    place.request(video)
    drain(place)
    assert {value["item"]["method"] for value in place.of(video)} == {"captions_generated", "speech"}


def test_captions_that_can_not_be_had_are_none(place: Place) -> None:
    """The look at the video will say what is the matter with it, if anything is."""

    def captions(_video_id: str) -> None:
        raise VideoFault("unavailable", "It is not there.")

    place.captions = captions
    place.settings = {"transcription_captions": "first"}
    place.request(a_video())
    assert drain(place).tally.transcribed == 1
