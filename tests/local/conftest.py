"""A stack that tests may stop, kill and spoil, apart from the run's own."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from trendscript.local import stack

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A folder for a stack of this module, which is stopped and deleted at the end."""
    folder = Path(tempfile.mkdtemp(prefix="trendscript-test-"))
    folder.chmod(0o711)
    yield folder
    stack.down(folder)
    shutil.rmtree(folder, ignore_errors=True)
