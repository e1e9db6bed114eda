"""What is remembered on this machine: counts of starts, what was published where, and what is too old."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.transcriber.service.running import a_video, drain, following
from transcriber.service.attempts import Attempts
from transcriber.service.brought import Answer
from transcriber.service.done import DoneWork
from transcriber.service.record import Record
from trendscript.kafka import Message, client_options, identify_topic

if TYPE_CHECKING:
    from pathlib import Path

    from tests.transcriber.service.running import Place

DIGEST, NAME = "d" * 64, "e" * 64
ANSWER = Answer("transcribed", (Message("youtube_transcription", b"k", b"v"),), transcription_ids=(NAME,))
DAY = 86_400


def test_starts_that_the_process_did_not_outlive_count(tmp_path: Path) -> None:
    """The next process finds them; one that ended, or that was ended on purpose, is not among them."""
    first = Attempts(tmp_path)
    with first.counted(DIGEST):
        assert Attempts(tmp_path).count(DIGEST) == 1
    assert first.count(DIGEST) == 0
    first.begin(DIGEST)
    second = Attempts(tmp_path)
    second.begin(DIGEST)
    assert second.count(DIGEST) == 2
    second.withdraw_all()
    second.withdraw(DIGEST)
    assert Attempts(tmp_path).count(DIGEST) == 1


def test_a_start_that_the_message_broke_off_stays_counted(tmp_path: Path) -> None:
    """The process lives on, and ends on purpose later."""
    attempts = Attempts(tmp_path)
    attempts.begin(DIGEST)
    attempts.blame(DIGEST)
    attempts.withdraw_all()
    assert attempts.count(DIGEST) == 1


def test_two_threads_count_one_message(tmp_path: Path) -> None:
    """Work that was dropped may still be ending while the same message is begun again."""
    attempts = Attempts(tmp_path)

    def begin_and_end() -> None:
        for _ in range(50):
            with attempts.counted(DIGEST):
                pass

    threads = [threading.Thread(target=begin_and_end) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert attempts.count(DIGEST) == 0


def test_what_was_published_elsewhere_is_not_done_here(tmp_path: Path) -> None:
    """After a move to another cluster its topic has none of it; back at the first one it is there again."""
    DoneWork(tmp_path, "first").note_published(ANSWER)
    assert DoneWork(tmp_path, "first").is_published(NAME)
    assert not DoneWork(tmp_path, "second").is_published(NAME)


def test_an_answer_kept_for_another_topic_is_none(tmp_path: Path) -> None:
    """It may say that something is there already, which it is not here."""
    DoneWork(tmp_path, "first").keep_answer(DIGEST, ANSWER)
    assert DoneWork(tmp_path, "first").read_answer(DIGEST) == ANSWER
    assert DoneWork(tmp_path, "second").read_answer(DIGEST) is None


def test_the_service_remembers_what_it_published_for_the_topic_that_it_went_to(place: Place) -> None:
    """By what tells that topic from every other, so a cluster with the same names is another place."""
    place.request(a_video())
    drain(place)
    options = client_options(place.bootstrap_servers, None)
    origin = identify_topic("youtube_transcription", options=options)
    assert [folder.name for folder in (place.home / "transcriber" / "done").iterdir()] == [origin]


def _age(path: Path, days: float) -> Path:
    then = time.time() - days * DAY
    os.utime(path, (then, then))
    return path


def _keep_piece(record: Record, name: str, days: float) -> Path:
    folder = record.pieces / name
    folder.mkdir(parents=True)
    (folder / "piece-0.json").write_text("{}")
    return _age(folder, days)


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """An empty record."""
    return Record(tmp_path, "here")


def test_starts_go_when_the_message_can_not_come_again(record: Record) -> None:
    """Requests stay in their topic for thirty days."""
    for digest, days in (("new", 29), ("old", 31)):
        record.attempts.begin(digest)
        _age(record.folder / "attempts" / digest, days)
    record.prune()
    assert (record.attempts.count("new"), record.attempts.count("old")) == (1, 0)


def test_published_names_and_answers_go_when_their_topic_has_forgotten_them(record: Record) -> None:
    """After a week, by which the warehouse has them."""
    for name, days in (("new", 6), ("old", 8)):
        record.done.note_published(Answer("transcribed", transcription_ids=(name,)))
        record.done.keep_answer(name, ANSWER)
        _age(record.folder / "done" / "here" / name, days)
        _age(record.folder / "answers" / f"{name}.json", days)
    record.prune()
    assert [record.done.is_published(name) for name in ("new", "old")] == [True, False]
    assert [record.done.read_answer(name) is not None for name in ("new", "old")] == [True, False]


def test_pieces_go_when_they_are_old_or_their_transcript_is_published(record: Record) -> None:
    """A video that is waited for keeps them for a week; what a crash left of one that is done goes the next day."""
    record.done.note_published(Answer("transcribed", transcription_ids=("done", "done_now")))
    kept = [_keep_piece(record, "waits", 6), _keep_piece(record, "done_now", 0.5)]
    gone = [_keep_piece(record, "forgotten", 8), _keep_piece(record, "done", 2)]
    record.prune()
    assert [folder.exists() for folder in (*kept, *gone)] == [True, True, False, False]


def test_a_service_that_follows_prunes_too(place: Place) -> None:
    """It may run for months."""
    place.prune_seconds = 0.2
    with following(place) as running:
        running.wait_for(lambda: running.status.health()[0])
        old = place.home / "transcriber" / "pieces" / NAME
        old.mkdir(parents=True)
        _age(old, 8)
        running.wait_for(lambda: not old.exists())
