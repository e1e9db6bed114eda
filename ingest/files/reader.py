"""Opening files: a path goes in, its text or its records come out, packed or not, with their lines' numbers."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import lzma
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, NamedTuple, cast

from ingest.files.entries import Fault, FileRefused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_XZ = b"\xfd7zXZ\x00"
_GZIP = b"\x1f\x8b"
_LONGEST_FIELD = 1024 * 1024
_LONGEST_LINE = 16 * 1024 * 1024
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


_ENDS_IN_QUOTES = Fault("cut_short", "the file ends within quotes, so the row is not whole")


class Record(NamedTuple):
    """One record of a table: the line it starts on, and its fields, or what is wrong with its text."""

    line: int
    fields: list[str]
    fault: Fault | None = None


@contextmanager
def open_bytes(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, unpacking .xz and .gz by their first bytes, whatever the name says.

    Raises FileRefused when the file can't be opened, and for damage met while it is read.
    """
    try:
        with path.open("rb") as packed:
            start = packed.read(len(_XZ))
            packed.seek(0)
            if start == _XZ:
                with lzma.open(packed) as stream:
                    yield cast(IO[bytes], stream)
            elif start.startswith(_GZIP):
                with gzip.open(packed) as stream:
                    yield cast(IO[bytes], stream)
            else:
                yield packed
    except (EOFError, lzma.LZMAError, zlib.error, gzip.BadGzipFile) as error:
        raise FileRefused(f"{path} is damaged or cut short ({error}). Get it again from where it came.") from error
    except UnicodeError as error:
        raise FileRefused(f"{path} is not text in the encoding its first bytes announce ({error}).") from error
    except OSError as error:
        raise FileRefused(f"{path} can't be read ({error.strerror or error}).") from error


@contextmanager
def open_text(path: Path) -> Iterator[io.TextIOWrapper]:
    """Open a file as text: in UTF-8, or the encoding its byte order mark says.

    Bytes that are not UTF-8 come as lone surrogates, so that only their own row suffers.
    """
    with open_bytes(path) as stream:
        buffered = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(cast(io.RawIOBase, stream))
        start = buffered.peek(4)
        encoding = next((name for mark, name in _MARKS if start.startswith(mark)), "utf-8")
        errors = "surrogateescape" if encoding.startswith("utf-8") else "strict"
        yield io.TextIOWrapper(buffered, encoding=encoding, errors=errors, newline="")


class Lines:
    """Lines of a text, counted; those of the record under way are held, and `ended` is set past the last.

    `csv.reader` takes one line after another until a record is whole, and says of none where it began.
    """

    def __init__(self, text: IO[str]) -> None:
        self._readline = text.readline
        self.number = 0
        self.held: list[str] = []
        self.ended = False

    def __iter__(self) -> Iterator[str]:
        """The lines that have not been taken yet, whoever takes them."""
        while line := self._readline(_LONGEST_LINE):
            self.number += 1
            self.held.append(line)
            yield line
        self.ended = True


def read_records(lines: Lines, delimiter: str = ",") -> Iterator[Record]:
    """Records of a table; blank lines are none. A record that can't be read comes with its text and a fault."""
    csv.field_size_limit(_LONGEST_FIELD)
    reader = csv.reader(lines, delimiter=delimiter)
    held = lines.held
    while True:
        held.clear()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Record(lines.number - len(held) + 1, ["".join(held)], Fault("bad_csv", f"can't be read: {error}"))
            continue
        if fields:
            # The reader asks for another line within a record only; an open quote at the end it closes in silence.
            fault = _ENDS_IN_QUOTES if lines.ended else None
            yield Record(lines.number - len(held) + 1, fields, fault)
