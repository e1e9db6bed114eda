"""docker/make-secrets: a folder goes in; files that hold passwords come out, those that were there untouched."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

_SCRIPT = Path(__file__).parents[2] / "docker" / "make-secrets"
_ASKED = {"openai_api_key", "youtube_api_key"}


def make(folder: Path) -> dict[str, str]:
    """Run the script; what each file holds."""
    subprocess.run([str(_SCRIPT), str(folder)], check=True, stdin=subprocess.DEVNULL)
    return {path.name: path.read_text(encoding="ascii") for path in folder.iterdir()}


def test_passwords_are_long_and_all_different(tmp_path: Path) -> None:
    """32 letters and digits each; keys that nobody can make up are left empty."""
    found = make(tmp_path / "secrets")
    made = [text for name, text in found.items() if name not in _ASKED]
    assert len(set(made)) == len(made) > 5
    assert all(len(text) == 32 and text.isalnum() for text in made)
    assert [found[name] for name in _ASKED] == ["", ""]


def test_what_is_there_is_kept(tmp_path: Path) -> None:
    """A second run changes nothing, and what somebody wrote stays."""
    folder = tmp_path / "secrets"
    make(folder)
    (folder / "youtube_api_key").write_text("a key", encoding="ascii")
    (folder / "postgres").chmod(0o600)
    (folder / "postgres").write_text("chosen", encoding="ascii")
    before = {path.name: path.read_text(encoding="ascii") for path in folder.iterdir()}
    assert make(folder) == before


def test_only_the_owner_can_enter(tmp_path: Path) -> None:
    """The folder is closed to others; a container's user, who sees one file alone, can read that."""
    folder = tmp_path / "secrets"
    make(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert all(path.stat().st_mode & stat.S_IROTH for path in folder.iterdir())
    assert not any(path.stat().st_mode & stat.S_IWOTH for path in folder.iterdir())
