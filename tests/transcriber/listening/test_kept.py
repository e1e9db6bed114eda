"""Kept results: what was saved is there after a kill, and what is damaged is as if it had never been."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from transcriber.listening.kept import KeptPieces

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_saved_is_read(tmp_path: Path) -> None:
    """Another process, with an object of its own, finds it; numbers are the same to the last digit."""
    value = {"segments": [{"start": 0.1 + 0.2, "text": "ünïcode \u2028 \U0001f600"}], "language": None}
    KeptPieces(tmp_path / "kept").save("piece-0", value)
    assert KeptPieces(tmp_path / "kept").read("piece-0") == value


def test_what_was_never_saved_is_none(tmp_path: Path) -> None:
    """Neither folder nor file need be there."""
    assert KeptPieces(tmp_path / "none").read("piece-0") is None


def test_saving_again_takes_its_place(tmp_path: Path) -> None:
    """The later one holds."""
    keep = KeptPieces(tmp_path)
    keep.save("a", 1)
    keep.save("a", 2)
    assert keep.read("a") == 2


@pytest.mark.parametrize("damage", ["cut off", "emptied", "a letter changed", "other text"])
def test_a_damaged_file_is_as_if_nothing_had_been_saved(tmp_path: Path, damage: str) -> None:
    """A half-written or changed file is done again, and never half believed."""
    keep = KeptPieces(tmp_path)
    keep.save("a", {"text": "what is said"})
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()
    damaged = {
        "cut off": content[:-5],
        "emptied": b"",
        "a letter changed": content.replace(b"said", b"sold"),
        "other text": b'{"text": "what is said"}',
    }
    file.write_bytes(damaged[damage])
    assert keep.read("a") is None


def test_a_file_left_half_written_by_a_kill_is_not_read(tmp_path: Path) -> None:
    """Writing goes to another name first."""
    keep = KeptPieces(tmp_path)
    keep.save("a", 1)
    (tmp_path / "a.123.tmp").write_bytes(b"half")
    assert keep.read("a") == 1


def test_discarding_removes_all(tmp_path: Path) -> None:
    """Once, or again."""
    keep = KeptPieces(tmp_path / "kept")
    keep.save("a", 1)
    keep.discard()
    keep.discard()
    assert not (tmp_path / "kept").exists()
