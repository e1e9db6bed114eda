"""Enforce the contract: an Arrow batch of raw messages goes in, rows a table and rejects with a reason come out.

Pure: no clock, no environment, no I/O. The batch has the columns of `raw_messages.RAW_SCHEMA`.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa

from trendscript.contracts.columns import ColumnsReader
from trendscript.contracts.rows import MessageReader, Rejected

if TYPE_CHECKING:
    from trendscript.contracts.columns import TableColumns, Values
    from trendscript.contracts.model import Contract, Table
    from trendscript.contracts.rows import Row

_MANY = 250
"""So many messages are read at once. More would not stay in the processor's caches, fewer cost calls."""
_FEW = 16
"""So many are read one by one when there is something amiss among them."""
_ARROW_TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us", "UTC"),
    "date": pa.date32(),
    "array": pa.list_(pa.string()),
    "object": pa.string(),
}

REJECTS_SCHEMA = pa.schema(
    [
        ("source_offset", pa.int64()),
        ("reason", pa.string()),
        ("message_key", pa.binary()),
        ("message_value", pa.binary()),
        ("headers", pa.string()),
        ("message_timestamp", pa.timestamp("us", "UTC")),
    ]
)


@dataclass(frozen=True, slots=True)
class Enforced:
    """What became of a batch: `rows` by table name (only tables that got any), and the rejected messages."""

    read: int
    accepted: int
    rows: dict[str, pa.RecordBatch]
    rejects: pa.RecordBatch


def arrow_schema(table: Table) -> pa.Schema:
    """The Arrow schema of a table's staged rows: the contract's columns, their digest, their message's offset."""
    columns = [(column.name, _ARROW_TYPES[column.logical_type]) for column in table.columns]
    return pa.schema([*columns, ("row_digest", pa.binary()), ("source_offset", pa.int64())])


class Enforcer:
    """Enforces one contract on batches of raw messages: many at once while all are acceptable, else one by one."""

    def __init__(self, contract: Contract) -> None:
        self._reader = MessageReader(contract)
        self._columns = ColumnsReader(contract)
        self._tables = contract.tables
        self._schemas = [arrow_schema(table) for table in contract.tables]

    def enforce(self, batch: pa.RecordBatch) -> Enforced:
        """Sort a batch's messages into rows and rejects; each message ends in exactly one of the two."""
        values, offsets = batch.column("value").to_pylist(), batch.column("offset").to_pylist()
        found = _Found([_Rows(schema) for schema in self._schemas], offsets)
        for first in range(0, len(values), _MANY):
            self._read(values[first : first + _MANY], first, found)
        rows = {
            table.name: rows.to_batch() for table, rows in zip(self._tables, found.tables, strict=True) if rows.offsets
        }
        return Enforced(len(values), len(values) - len(found.rejected), rows, _to_rejects(batch, found.rejected))

    def _read(self, values: list[bytes | None], first: int, found: _Found) -> None:
        """Read messages, the first of which has this number in the batch."""
        if len(values) <= _FEW or not self._columns.serves:
            self._read_each(values, first, found)
            return
        tables = self._columns.read(values)
        if tables is not None:
            found.add(tables, first)
            return
        # Somewhere in there is one that needs a closer look; it need not hold up the others.
        half = len(values) // 2
        self._read(values[:half], first, found)
        self._read(values[half:], first + half, found)

    def _read_each(self, values: list[bytes | None], first: int, found: _Found) -> None:
        for number, value in enumerate(values, first):
            outcome = self._reader.read(value)
            if isinstance(outcome, Rejected):
                found.rejected.append((number, outcome.reason))
            else:
                found.add_rows(outcome, number)


class _Rows:
    """Rows of a table as they are gathered: a list a column, the offset last."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._columns: list[list[Any]] = [[] for _ in schema]

    @property
    def offsets(self) -> list[int]:
        """The offset of each row's message."""
        return self._columns[-1]

    def add_row(self, values: tuple[Any, ...], offset: int) -> None:
        """Add one row."""
        for column, value in zip(self._columns, (*values, offset), strict=True):
            column.append(value)

    def add_columns(self, values: list[Values], offsets: list[int]) -> None:
        """Add many rows."""
        for column, more in zip(self._columns, (*values, offsets), strict=True):
            column.extend(more)

    def to_batch(self) -> pa.RecordBatch:
        """The rows in the table's schema."""
        arrays = [pa.array(values, kind.type) for values, kind in zip(self._columns, self._schema, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)


@dataclass(frozen=True, slots=True)
class _Found:
    """What became of a batch so far; `rejected` are messages' numbers in it, with the reason."""

    tables: list[_Rows]
    offsets: list[int]
    rejected: list[tuple[int, str]] = field(default_factory=list)

    def add(self, tables: list[TableColumns], first: int) -> None:
        """Add the rows of messages that were read at once, the first of which has this number."""
        for rows, table in zip(self.tables, tables, strict=True):
            rows.add_columns(table.values, [self.offsets[first + number] for number in table.messages])

    def add_rows(self, tables: tuple[list[Row], ...], number: int) -> None:
        """Add the rows of one message."""
        for rows, table in zip(self.tables, tables, strict=True):
            for row in table:
                rows.add_row(row, self.offsets[number])


def _to_rejects(batch: pa.RecordBatch, rejected: list[tuple[int, str]]) -> pa.RecordBatch:
    """The rejected messages, byte for byte."""
    taken = batch.take(pa.array([number for number, _ in rejected], pa.int64()))
    headers = [_headers_json(headers) for headers in taken.column("headers").to_pylist()]
    return pa.RecordBatch.from_arrays(
        [
            taken.column("offset"),
            pa.array([reason for _, reason in rejected], pa.string()),
            taken.column("key"),
            taken.column("value"),
            pa.array(headers, pa.string()),
            taken.column("timestamp").cast(pa.timestamp("us", "UTC")),
        ],
        schema=REJECTS_SCHEMA,
    )


def _headers_json(headers: list[dict[str, Any]] | None) -> str | None:
    """Headers as JSON that jsonb takes, values as base64; a key with U+0000, which it refuses, as base64 too."""
    if headers is None:
        return None
    return orjson.dumps([_header(header) for header in headers]).decode()


def _header(header: dict[str, Any]) -> dict[str, str | None]:
    value = None if header["value"] is None else base64.b64encode(header["value"]).decode()
    if "\0" in header["key"]:
        return {"key_base64": base64.b64encode(header["key"].encode()).decode(), "value": value}
    return {"key": header["key"], "value": value}
