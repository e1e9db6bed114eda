"""Which videos were asked for before, as the warehouse knows it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import psycopg2
import pytest

from tests.warehouse.speech import add_format, add_request, add_stub, add_transcription
from trendscript.speech_tables import WarehouseWithoutSpeech
from trendscript.transcription_requests import read_asked

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (a class with a lower-case name)

VIDEO = "dQw4w9WgXcQ"
OTHER = "aaaaaaaaaaa"


@pytest.mark.parametrize(
    ("rows", "asked"),
    [
        (lambda cursor: add_request(cursor, VIDEO), True),
        (lambda cursor: add_request(cursor, VIDEO, model="small"), True),
        (lambda cursor: add_transcription(cursor, VIDEO), True),
        (lambda cursor: add_transcription(cursor, VIDEO, status="failed", reason="private", model=None), True),
        (lambda cursor: add_format(cursor, VIDEO), False),
        (lambda cursor: add_stub(cursor, VIDEO, title="Charted"), False),
        (lambda cursor: add_request(cursor, OTHER), False),
    ],
    ids=["asked", "asked for a model", "transcribed", "failed", "only looked at", "only charted", "another video"],
)
def test_a_request_or_an_attempt_counts(database: str, rows: Callable[[Cursor], None], asked: bool) -> None:  # noqa: FBT001  (pytest gives it by name)
    """A video is asked for once somebody asked, or an attempt at its words is there, however it ended."""
    _fill(database, rows)
    assert read_asked(database, [VIDEO]) == ({VIDEO} if asked else set())


def test_a_model_is_asked_for_by_itself(database: str) -> None:
    """For the model small, only requests for it and its transcriptions count: another model's are another text."""
    first, second, third = "aaaaaaaaaa1", "aaaaaaaaaa2", "aaaaaaaaaa3"

    def rows(cursor: Cursor) -> None:
        add_request(cursor, first)
        add_request(cursor, second, model="small")
        add_transcription(cursor, third, model="small")
        add_transcription(cursor, first)

    _fill(database, rows)
    assert read_asked(database, [first, second, third], model="small") == {second, third}
    assert read_asked(database, [first, second, third]) == {first, second, third}


def test_nothing_is_asked_of_no_videos(database: str) -> None:
    """An empty list is a question, too: it finds out whether the warehouse can answer."""
    assert read_asked(database, []) == set()


def test_a_warehouse_without_speech_is_named(empty_database: str) -> None:
    """Before `migrate` there are no such tables, and the sentence says so."""
    with pytest.raises(WarehouseWithoutSpeech, match="trendscript migrate"):
        read_asked(empty_database, [VIDEO])


def _fill(dsn: str, rows: Callable[[Cursor], None]) -> None:
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        rows(cursor)
