"""Rows: a contract and one message's bytes go in; the rows of each table come out, or the first reason why not."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import orjson

from trendscript.contracts.places import Places, inner_frame
from trendscript.contracts.values import Fault, converter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from trendscript.contracts.model import Column, Contract, Path, Table
    from trendscript.contracts.places import Frame, Place

DIGEST_BYTES = 16

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Rejected:
    """Why a message isn't acceptable: `code` or `code:column`, the first reason found."""

    reason: str


class MessageReader:
    """Reads messages by one contract. Stateless between messages; may be shared by threads.

    A message is acceptable whole or not at all.
    """

    def __init__(self, contract: Contract) -> None:
        self._places = Places()
        self._tables = tuple(_TableReader(table, self._places) for table in contract.tables)
        root = contract.root
        self._root = contract.tables.index(root) if root else None
        # A message that would give no row at all would be in no table and in no quarantine: it is refused.
        self._no_rows = Rejected(f"missing:{contract.tables[0].key[0]}")
        self._children = tuple(number for number, table in enumerate(contract.tables) if table.write_mode == "replace")

    def read(self, value: bytes | None) -> tuple[list[Row], ...] | Rejected:
        """Rows of each table of the contract, in its order; the last field of a row is its digest.

        Raises nothing for any bytes: what can't be accepted comes back as Rejected.
        """
        if value is None:
            return Rejected("tombstone")
        message = _decode(value)
        if isinstance(message, Rejected):
            return message
        if type(message) is not dict:
            return Rejected("not_an_object")
        frame = {"$": message}
        objects = self._places.objects(frame)
        try:
            values = [table.rows(frame, objects) for table in self._tables]
        except _ColumnFault as fault:
            return Rejected(f"{fault.code}:{fault.column}")
        return self._digested(values) if any(values) else self._no_rows

    def _digested(self, values: list[list[Row]]) -> tuple[list[Row], ...]:
        digested = tuple([(*row, digest(row)) for row in rows] for rows in values)
        if self._root is not None:
            children = [values[number] for number in self._children]
            digested[self._root][:] = [(*row, digest((row, children))) for row in values[self._root]]
        return digested


def digest(row: Any) -> bytes:
    """A hash of values in canonical form: equal content gives equal bytes, on any machine, in any release."""
    return blake2b(orjson.dumps(row, default=str), digest_size=DIGEST_BYTES).digest()


def digests(rows: Iterable[Any]) -> list[bytes]:
    """The digest of each row, without a call for each."""
    dumps = orjson.dumps
    return [blake2b(dumps(row, default=str), digest_size=DIGEST_BYTES).digest() for row in rows]


def _decode(value: bytes) -> Any:
    """One JSON value, strictly: valid UTF-8, no trailing text, no lone surrogates, nothing replaced."""
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        return Rejected(_reason(value, str(error)))


def _reason(value: bytes, refusal: str) -> str:
    """Tell apart what the decoder refuses. Its words are held by a test against the locked version."""
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return "bad_unicode"
    if "surrogate" in refusal:
        return "bad_unicode"
    if "depth limit" in refusal:
        return "too_deep"
    if "infinity" in refusal:
        return "out_of_range"
    return "not_json"


class _ColumnFault(Exception):
    """A Fault with the column it was met in."""

    def __init__(self, code: str, column: str) -> None:
        super().__init__(code)
        self.code = code
        self.column = column


class _TableReader:
    """Reads one table's rows out of decoded messages. `places` are those of the whole message, shared by all tables."""

    def __init__(self, table: Table, places: Places) -> None:
        self._name = table.name
        self._names = table.column_names
        self._optional = tuple(places.place(path) for path in table.optional)
        self._arrays = tuple(_Array(path) for path in table.rows_from)
        self._places = Places() if table.rows_from else places
        self._columns = tuple(self._prepared(column) for column in table.columns)

    def _prepared(self, column: Column) -> tuple[int, str, list[Place], Callable[[Any], Any], bool]:
        """What reading the column takes: its first place, the others, converter, and whether it is required."""
        (number, key), *others = [self._places.place(path) for path in column.paths]
        return number, key, others, converter(column), column.required

    def rows(self, frame: Frame, objects: list[Any]) -> list[Row]:
        """The table's rows. Raises _ColumnFault."""
        try:
            if self._optional and all(objects[number].get(key) is None for number, key in self._optional):
                return []
            frames = self._frames(frame)
        except Fault as fault:
            raise _ColumnFault(fault.code, self._name) from None
        if not self._arrays:
            return [self._row(objects)]
        return [self._row(self._places.objects(inner)) for inner in frames]

    def _frames(self, frame: Frame) -> list[Frame]:
        """A frame for each element of the innermost array. Raises Fault."""
        frames = [frame]
        for array in self._arrays:
            frames = [inner for outer in frames for inner in array.frames(outer)]
        return frames

    def _row(self, objects: list[Any]) -> Row:
        values: list[Any] = []
        try:
            self._fill(values, objects)
        except Fault as fault:
            raise _ColumnFault(fault.code, self._names[len(values)]) from None
        return tuple(values)

    def _fill(self, values: list[Any], objects: list[Any]) -> None:
        """Append the columns' values, one by one: at a Fault their number tells the column."""
        for number, key, others, convert, required in self._columns:
            value = objects[number].get(key)
            if value is None and others:
                value = _first_present(objects, others)
            if value is not None:
                values.append(convert(value))
            elif required:
                raise Fault("missing")
            else:
                values.append(None)


def _first_present(objects: list[Any], places: list[Place]) -> Any:
    for number, key in places:
        value = objects[number].get(key)
        if value is not None:
            return value
    return None


class _Array:
    """An array whose elements are rows, or stand around them."""

    def __init__(self, path: Path) -> None:
        self._places = Places()
        self._number, self._key = self._places.place(path)

    def frames(self, frame: Frame) -> list[Frame]:
        """A frame for each element; none where the array is absent or null. Raises Fault."""
        array = self._places.objects(frame)[self._number].get(self._key)
        if array is None:
            return []
        if type(array) is not list:
            raise Fault("wrong_type")
        return [inner_frame(frame, element, position) for position, element in enumerate(array)]
