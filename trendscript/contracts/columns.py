"""Columns: many messages' bytes go in; each table's columns come out at once, or nothing where one needs a closer look.

This is the quick way for messages that are all acceptable, as nearly all are. It accepts only what `MessageReader`
accepts, with the same values and digests; of the others it only says that there are some.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from types import NoneType
from typing import TYPE_CHECKING, Any, cast

import orjson
import pyarrow as pa

from trendscript.contracts.places import Places
from trendscript.contracts.rows import digests
from trendscript.contracts.values import EARLIEST, LATEST, Fault, bounds, converter, text_matcher, to_microseconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from trendscript.contracts.model import Column, Contract, Table
    from trendscript.contracts.places import Place

_NUL = b"\\u0000"
"""How a message spells U+0000, if it holds one; also how it spells some harmless text, which is then looked at."""

_DAY = 86_400_000_000

Kinds = set[type]
"""The types of a column's values."""

Values = Sequence[Any]

Convert = Callable[[Values, Kinds], Values]
"""Turns JSON values of these types, none of them None, into the column's values, or raises Fault."""


@dataclass(frozen=True, slots=True)
class TableColumns:
    """Rows of a table: the values of each column, the digests behind them; and the number of each row's message."""

    values: list[Values]
    messages: Sequence[int]


class ColumnsReader:
    """Reads many messages by one contract at once. Stateless between calls; may be shared by threads."""

    def __init__(self, contract: Contract) -> None:
        self._places = Places()
        self._tables = tuple(_TableReader(table, self._places) for table in contract.tables)
        self.serves = contract.root is None and not any(table.rows_from for table in contract.tables)
        """Whether it is of use: rows that come from arrays are read message by message."""

    def read(self, values: Sequence[bytes | None]) -> list[TableColumns] | None:
        """The rows of each table of the contract, in its order; None unless all messages are plainly acceptable."""
        try:
            messages = [orjson.loads(value) for value in values if value is not None and not _spells_nul(value)]
            if not self.serves or len(messages) < len(values) or _kinds(messages) != {dict}:
                return None
            found = self._places.columns(messages)
            tables = [table.read(found, len(messages)) for table in self._tables]
        except (orjson.JSONDecodeError, Fault):
            return None
        return tables if _all_have_rows(tables, len(messages)) else None


def _spells_nul(value: bytes) -> bool:
    # A single byte is found much sooner, and mostly there is none.
    return b"\\" in value and _NUL in value


def _kinds(values: Iterable[Any]) -> Kinds:
    return set(map(type, values))


def _all_have_rows(tables: list[TableColumns], messages: int) -> bool:
    """Whether each message gives a row to some table."""
    if any(len(table.messages) == messages for table in tables):
        return True
    return len(set(chain.from_iterable(table.messages for table in tables))) == messages


class _TableReader:
    """Reads the columns of one table that has a row a message, or none where its part is absent."""

    def __init__(self, table: Table, places: Places) -> None:
        self._optional = tuple(places.place(path) for path in table.optional)
        self._columns = tuple(_ColumnReader(column, places) for column in table.columns)

    def read(self, found: Mapping[Place, Values], count: int) -> TableColumns:
        """The rows of so many messages, of what was found in them. Raises Fault."""
        messages = self._with_rows(found, count)
        columns = [column.read(found, None if len(messages) == count else messages) for column in self._columns]
        return TableColumns([*columns, digests(zip(*columns, strict=True))], messages)

    def _with_rows(self, found: Mapping[Place, Values], count: int) -> Sequence[int]:
        """The numbers of the messages that give a row."""
        parts = [found[place] for place in self._optional]
        if not parts or any(NoneType not in _kinds(part) for part in parts):
            return range(count)
        return [number for number, part in enumerate(zip(*parts, strict=True)) if part.count(None) < len(part)]


class _ColumnReader:
    """Reads one column of many messages."""

    def __init__(self, column: Column, places: Places) -> None:
        self._places = tuple(places.place(path) for path in column.paths)
        self._required = column.required
        self._convert = _converter(column)

    def read(self, found: Mapping[Place, Values], messages: Sequence[int] | None) -> Values:
        """The column's values; of these messages, if not of all. Raises Fault."""
        values = _first_present([found[place] for place in self._places])
        if messages is not None:
            values = [values[number] for number in messages]
        kinds = _kinds(values)
        if NoneType not in kinds:
            return self._convert(values, kinds)
        if self._required:
            raise Fault("missing")
        if len(kinds) == 1:
            return values
        present = [value for value in values if value is not None]
        converted = iter(self._convert(present, kinds - {NoneType}))
        return [None if value is None else next(converted) for value in values]


def _first_present(places: list[Values]) -> Values:
    """Of the values in several places, each message's first that is there."""
    values, *others = places
    for other in others:
        if None not in values:
            break
        values = [second if first is None else first for first, second in zip(values, other, strict=True)]
    return values


def _converter(column: Column) -> Convert:
    quick = None if column.transform else _QUICK.get(column.logical_type)
    return _one_by_one(column) if quick is None else quick(column)


def _one_by_one(column: Column) -> Convert:
    convert = converter(column)
    return lambda values, _: list(map(convert, values))


def _expect(kinds: Kinds, kind: type) -> None:
    if kinds - {kind}:
        raise Fault("wrong_type")


def _texts(column: Column) -> Convert:
    limits = column.limits
    matches, shortest, longest = text_matcher(limits), limits.min_length, limits.max_length
    allowed = frozenset(limits.enum)

    def convert(values: Values, kinds: Kinds) -> Values:
        _expect(kinds, str)
        if longest is not None and max(map(len, values), default=0) > longest:
            raise Fault("too_long")
        if shortest and min(map(len, values), default=shortest) < shortest:
            raise Fault("out_of_range")
        if matches and not all(map(matches, set(values))):
            raise Fault("pattern")
        if allowed and not allowed.issuperset(values):
            raise Fault("not_in_enum")
        return values

    return convert


def _integers(column: Column) -> Convert:
    lowest, highest = bounds(column)
    one_by_one = _one_by_one(column)

    def convert(values: Values, kinds: Kinds) -> Values:
        if kinds == {str}:
            values = _read_integers(values)
        elif kinds != {int}:
            return one_by_one(values, kinds)
        if min(values) < lowest or max(values) > highest:
            raise Fault("out_of_range")
        return values

    return convert


def _read_integers(texts: Iterable[str]) -> list[int]:
    """Integers of texts that spell them the one usual way. Raises Fault."""
    try:
        numbers = list(map(int, texts))
        usual = tuple(map(str, numbers)) == tuple(texts)
    except ValueError as error:
        raise Fault("wrong_type") from error
    if not usual:
        raise Fault("wrong_type")
    return numbers


def _booleans(_: Column) -> Convert:
    def convert(values: Values, kinds: Kinds) -> Values:
        _expect(kinds, bool)
        return values

    return convert


def _timestamps(_: Column) -> Convert:
    def convert(values: Values, kinds: Kinds) -> Values:
        _expect(kinds, str)
        if not _are_usual_times(values):
            return list(map(to_microseconds, values))
        try:
            times = pa.array(values, pa.string()).cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_pylist()
        except pa.ArrowInvalid as error:
            raise Fault("bad_timestamp") from error
        if min(times) < EARLIEST + _DAY or max(times) > LATEST:  # Arrow knows a year 0, of which an offset leads away
            raise Fault("bad_timestamp")
        return cast("Values", times)

    return convert


def _are_usual_times(values: Values) -> bool:
    """Whether all are as `2026-11-20T12:00:00Z`, or all as `2026-11-20 12:00:00+00:00`, as far as length and end tell.

    What Arrow reads of such a text is written like that throughout.
    """
    lengths = set(map(len, values))
    if lengths == {20}:
        return {value[-1] for value in values} == {"Z"}
    return lengths == {25} and {value[19] + value[22] for value in values} <= {"+:", "-:"}


def _arrays(column: Column) -> Convert:
    longest = column.limits.max_length

    def convert(values: Values, kinds: Kinds) -> Values:
        _expect(kinds, list)
        if longest is not None and max(map(len, values), default=0) > longest:
            raise Fault("too_long")
        _expect(set(map(type, chain.from_iterable(values))), str)
        return values

    return convert


_QUICK: dict[str, Callable[[Column], Convert]] = {
    "string": _texts,
    "integer": _integers,
    "boolean": _booleans,
    "timestamp": _timestamps,
    "array": _arrays,
}
