"""Rows: a contract and one message's bytes go in; the rows of each table come out, or the first reason why not."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import orjson

from trendscript.contracts.values import Fault, converter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trendscript.contracts.model import Column, Contract, Path, Table

DIGEST_BYTES = 16

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Rejected:
    """Why a message isn't acceptable: `code` or `code:column`, the first reason found."""

    reason: str


@dataclass(frozen=True, slots=True)
class _Scopes:
    """A message and the elements the current row stands in, innermost first, with their positions."""

    message: Any
    elements: tuple[Any, ...] = ()
    positions: tuple[int, ...] = ()


class MessageReader:
    """Reads messages by one contract. Stateless between messages; may be shared by threads.

    A message is acceptable whole or not at all.
    """

    def __init__(self, contract: Contract) -> None:
        self._tables = tuple(_TableReader(table) for table in contract.tables)
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
        try:
            values = [table.rows(message) for table in self._tables]
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
    """Reads one table's rows out of decoded messages."""

    def __init__(self, table: Table) -> None:
        self._name = table.name
        self._rows_from = table.rows_from
        self._optional = table.optional
        self._columns = tuple(_column_reader(column) for column in table.columns)

    def rows(self, message: Any) -> list[Row]:
        if self._optional and not self._present(message):
            return []
        if not self._rows_from:
            scopes = _Scopes(message)
            return [tuple([read(scopes) for read in self._columns])]
        return [tuple([read(scopes) for read in self._columns]) for scopes in self._elements(_Scopes(message), 0)]

    def _present(self, message: Any) -> bool:
        scopes = _Scopes(message)
        try:
            return any(_find(scopes, path) is not None for path in self._optional)
        except Fault as fault:
            raise _ColumnFault(fault.code, self._name) from fault

    def _elements(self, scopes: _Scopes, depth: int) -> Iterator[_Scopes]:
        if depth == len(self._rows_from):
            yield scopes
            return
        try:
            array = _find(scopes, self._rows_from[depth])
        except Fault as fault:
            raise _ColumnFault(fault.code, self._name) from fault
        if array is None:
            return
        if type(array) is not list:
            raise _ColumnFault("wrong_type", self._name)
        for position, element in enumerate(array):
            inner = _Scopes(scopes.message, (element, *scopes.elements), (position, *scopes.positions))
            yield from self._elements(inner, depth + 1)


def _column_reader(column: Column) -> Callable[[_Scopes], Any]:
    """The function that finds, converts and checks one column's value. It raises _ColumnFault."""
    convert, name, required, paths = converter(column), column.name, column.required, column.paths

    def read(scopes: _Scopes) -> Any:
        try:
            for path in paths:
                value = _find(scopes, path)
                if value is not None:
                    return convert(value)
        except Fault as fault:
            raise _ColumnFault(fault.code, name) from None
        if required:
            raise _ColumnFault("missing", name)
        return None

    return read


def _find(scopes: _Scopes, path: Path) -> Any:
    """The value at a path; None when it or an object around it is absent or null. Raises Fault."""
    if path.position:
        return scopes.positions[path.scope]
    value = scopes.message if path.scope < 0 else scopes.elements[path.scope]
    for key in path.keys:
        if type(value) is not dict:
            if value is None:
                return None
            raise Fault("wrong_type")
        value = value.get(key)
    return value
