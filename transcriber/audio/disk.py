"""The disk that work is done on: an error of it goes in, a fault that is ours and no video's comes out."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

from transcriber.faults import MachineFault, OperatorNeeded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FULL = (errno.ENOSPC, errno.EDQUOT)
_CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def disk_faults(folder: Path) -> Iterator[None]:
    """Work done in `folder`: any OSError of Python's becomes a ServiceFault that names the place."""
    try:
        yield
    except OSError as error:
        where = error.filename or folder
        if error.errno in _FULL:
            raise MachineFault(
                f"No space is left for audio in {folder}. Free some; the work goes on by itself."
            ) from error
        if error.errno in _CLOSED:
            raise OperatorNeeded(f"Audio can't be read or written at {where}: {error.strerror}.") from error
        raise MachineFault(f"The disk failed at {where}: {error.strerror or error}.") from error
