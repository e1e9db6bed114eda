"""Kept results: what came of a piece goes in as it is done, and comes out when the same work is begun again."""

from __future__ import annotations

import hashlib
import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from pathlib import Path

_DIGEST_CHARACTERS = 64


class KeptPieces:
    """Results by name, in a folder that belongs to one audio, model and set of options; JSON values.

    A value is on the disk, whole, once `save` returns. Each file begins with the digest of its content: one that is
    cut off or damaged reads as None, as if the work had not been done.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> Any:
        """What was saved under a name; None if nothing was, or it can't be trusted."""
        try:
            found = self._path(name).read_bytes()
        except OSError:
            return None
        digest, _, content = found.partition(b"\n")
        if len(digest) != _DIGEST_CHARACTERS or hashlib.sha256(content).hexdigest().encode() != digest:
            return None
        with suppress(orjson.JSONDecodeError):
            return orjson.loads(content)
        return None

    def save(self, name: str, value: Any) -> None:
        """Keep a value, in place of what was kept under that name."""
        content = orjson.dumps(value)
        digest = hashlib.sha256(content).hexdigest().encode()
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(name)
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        with temporary.open("wb") as file:
            file.write(digest + b"\n" + content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(self._folder)

    def discard(self) -> None:
        """Remove the folder and all in it; the transcript stands elsewhere by now."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"


def _sync_folder(folder: Path) -> None:
    """Make a rename outlast a power cut: the folder's entry is on the disk only then."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
