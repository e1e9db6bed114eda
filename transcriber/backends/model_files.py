"""Files of a model: a folder goes in, its revision and whether it knows more than English come out."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from typing import TYPE_CHECKING

from transcriber.faults import OperatorNeeded

if TYPE_CHECKING:
    from pathlib import Path

_DECIDING = ("config.json", "model.bin", "preprocessor_config.json", "tokenizer.json", "vocabulary.json")
_MULTILINGUAL_TOKENS = 51_865
_REVISION_CHARACTERS = 16


def check_model_folder(folder: Path) -> None:
    """Raise OperatorNeeded where the folder does not hold a model as CTranslate2 reads it."""
    missing = [name for name in ("model.bin", "config.json", "tokenizer.json") if not (folder / name).is_file()]
    if missing or not _vocabulary(folder):
        raise OperatorNeeded(
            f"The folder {folder} holds no Whisper model that can be used: {missing[0] if missing else 'vocabulary.*'} "
            "is not there. WHISPER_MODEL names a model, or a folder with one converted by ct2-transformers-converter."
        )


def read_revision(folder: Path) -> str:
    """The beginning of a SHA-256 over the content of all files that decide what the model writes."""
    digest = hashlib.sha256()
    for path in sorted({folder / name for name in _DECIDING} | set(folder.glob("vocabulary.*"))):
        if path.is_file():
            found = path.stat()
            digest.update(f"{path.name} {_digest_file(path, found.st_mtime_ns, found.st_size)}\n".encode())
    return digest.hexdigest()[:_REVISION_CHARACTERS]


@cache
def _digest_file(path: Path, mtime_ns: int, size: int) -> str:
    """Digest a file once as long as it stays as it is: models have up to some gigabytes."""
    del mtime_ns, size  # they are part of what the cache goes by
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_multilingual(folder: Path) -> bool:
    """Whether the model knows languages but English, told by the number of its tokens as CTranslate2 does."""
    path = _vocabulary(folder)
    if path is None:
        return False
    text = path.read_text(encoding="utf-8")
    tokens = len(json.loads(text)) if path.suffix == ".json" else text.removesuffix("\n").count("\n") + 1
    return tokens >= _MULTILINGUAL_TOKENS


def _vocabulary(folder: Path) -> Path | None:
    return next((path for name in ("vocabulary.json", "vocabulary.txt") if (path := folder / name).is_file()), None)
