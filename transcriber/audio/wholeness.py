"""Whether a file is whole by its own account: its bytes go in, whether it ends inside one of its parts comes out.

FFmpeg reads such a file to where it ends and says nothing.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from pathlib import Path

_BOXES = frozenset({b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"sidx", b"free", b"skip", b"wide", b"uuid", b"mfra"})
_PAGE_HEADER = 27
_LONGEST_PAGE = _PAGE_HEADER + 255 + 255 * 255
_UNKNOWN_RIFF_SIZE = 0x7FFF_0000
"""Whoever writes to a pipe can't go back to fill in the size, which then is near 2 or 4 GiB."""


def is_cut_off(file: Path) -> bool:
    """Whether an Ogg file ends inside a page, or an MP4 file inside a fragment or before its index."""
    with file.open("rb") as content:
        size = os.fstat(content.fileno()).st_size
        head = content.read(8)
        if head[:4] == b"OggS":
            return _ends_inside_page(content, size)
        return head[4:] == b"ftyp" and _ends_inside_box(content, size)


def read_riff_share(file: Path) -> float:
    """How much is there of the bytes that a RIFF file (WAV, AVI) says it has, at most 1; 1 for any other file."""
    with file.open("rb") as content:
        size = os.fstat(content.fileno()).st_size
        head = content.read(8)
    stated = int.from_bytes(head[4:], "little")
    if head[:4] != b"RIFF" or stated >= _UNKNOWN_RIFF_SIZE:
        return 1.0
    return min(1.0, size / (stated + len(head)))


def _ends_inside_page(content: BinaryIO, size: int) -> bool:
    """Look at the last page: its header, then as many lengths as the header's last byte says, then what they add to."""
    start = max(0, size - _LONGEST_PAGE)
    content.seek(start)
    tail = content.read(_LONGEST_PAGE)
    page = tail.rfind(b"OggS")
    if page < 0:
        return False
    header = tail[page : page + _PAGE_HEADER]
    if len(header) < _PAGE_HEADER:
        return True
    lengths = tail[page + _PAGE_HEADER :][: header[-1]]
    return len(lengths) < header[-1] or start + page + _PAGE_HEADER + len(lengths) + sum(lengths) > size


def _ends_inside_box(content: BinaryIO, size: int) -> bool:
    """Walk the outermost boxes. Where an index came first, as of a file in one piece, it knows the length better."""
    start, indexed, fragmented = 0, False, False
    while start + 8 <= size:
        content.seek(start)
        head = content.read(16)
        length, kind = int.from_bytes(head[:4]), head[4:8]
        if kind not in _BOXES or length == 0:
            return False
        indexed, fragmented = indexed or kind == b"moov", fragmented or kind == b"moof"
        start += max(int.from_bytes(head[8:16]) if length == 1 else length, 8)
    return start > size and (fragmented or not indexed)
