"""Ids as people give them, and lengths of time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from trendscript.ids import (
    CHANNEL_ID,
    VIDEO_ID,
    DurationRefused,
    IdRefused,
    IdsFileUnreadable,
    check_id,
    parse_duration,
    read_ids_file,
    split_ids,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("text", ["dQw4w9WgXcQ", "-_-_-_-_-_-", "00000000000"])
def test_a_video_id_is_eleven_characters_of_its_alphabet(text: str) -> None:
    """Letters, digits, - and _ in any place."""
    assert check_id(text, VIDEO_ID) == text


@pytest.mark.parametrize(
    "text", ["", "dQw4w9WgXc", "dQw4w9WgXcQQ", "dQw4w9WgXc\n", "dQw4w9WgXcé", "https://youtu.be/dQw4w9WgXcQ", "#NAME?"]
)
def test_what_is_no_video_id_is_refused(text: str) -> None:
    """Anything else is refused, with an example of an id; an id is never fetched as an address."""
    with pytest.raises(IdRefused, match="dQw4w9WgXcQ"):
        check_id(text, VIDEO_ID)


def test_a_channel_id_begins_with_uc() -> None:
    """A channel's id is UC and 22 characters; a video's is none."""
    assert CHANNEL_ID.matches("UC_x5XG1OV2P6uZZ5FSM9Ttw")
    assert not CHANNEL_ID.matches("dQw4w9WgXcQ")


def test_lines_of_a_file_are_told_apart() -> None:
    """Blank lines and comments are passed over, doubles kept once, the rest is rejected, in order."""
    lines = ["# mine", "", " dQw4w9WgXcQ ", "no id", "dQw4w9WgXcQ", "-bbbbbbbbbb", "#NAME?"]
    assert split_ids(lines, VIDEO_ID) == (["dQw4w9WgXcQ", "-bbbbbbbbbb"], ["no id", "#NAME?"])


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    """A file saved by a spreadsheet, with BOM and CRLF, gives the same ids."""
    path = tmp_path / "ids.txt"
    path.write_bytes(b"\xef\xbb\xbfdQw4w9WgXcQ\r\n-bbbbbbbbbb\r\n")
    assert read_ids_file(path) == ["dQw4w9WgXcQ", "-bbbbbbbbbb"]


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    """A missing file and one that is not text end with its name and exit code 65."""
    path = tmp_path / "ids.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(IdsFileUnreadable, match=r"ids\.txt") as refusal:
        read_ids_file(path)
    assert refusal.value.exit_code == 65


@pytest.mark.parametrize(
    ("text", "length"),
    [("12h", timedelta(hours=12)), ("7d", timedelta(days=7)), (" 2W ", timedelta(weeks=2))],
)
def test_lengths_of_time(text: str, length: timedelta) -> None:
    """Hours, days and weeks, as people write them."""
    assert parse_duration(text) == length


@pytest.mark.parametrize("text", ["", "7", "d", "0d", "-1d", "7 days", "1.5d", "7m", "999999d"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    """Anything else is refused with the forms that are understood."""
    with pytest.raises(DurationRefused, match="12h, 7d or 2w"):
        parse_duration(text)
