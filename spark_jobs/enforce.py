"""Enforce the contract: an Arrow batch of raw messages goes in, rows a table and rejects with a reason come out.

Pure: no clock, no environment, no I/O. The batch has the columns of `raw_messages.RAW_SCHEMA`.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa

from trendscript.contracts.rows import MessageReader, Rejected

if TYPE_CHECKING:
    from trendscript.contracts.model import Contract, Table

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
    """Enforces one contract on batches of raw messages."""

    def __init__(self, contract: Contract) -> None:
        self._reader = MessageReader(contract)
        self._tables = contract.tables
        self._schemas = [arrow_schema(table) for table in contract.tables]

    def enforce(self, batch: pa.RecordBatch) -> Enforced:
        """Sort a batch's messages into rows and rejects; each message ends in exactly one of the two."""
        rows: list[list[tuple[Any, ...]]] = [[] for _ in self._tables]
        rejected: list[tuple[int, str]] = []
        accepted = 0
        values, offsets = batch.column("value").to_pylist(), batch.column("offset").to_pylist()
        for number, (value, offset) in enumerate(zip(values, offsets, strict=True)):
            outcome = self._reader.read(value)
            if isinstance(outcome, Rejected):
                rejected.append((number, outcome.reason))
            else:
                accepted += 1
                for table_rows, found in zip(rows, outcome, strict=True):
                    table_rows.extend((*row, offset) for row in found)
        return Enforced(len(values), accepted, self._to_batches(rows), _to_rejects(batch, rejected))

    def _to_batches(self, rows: list[list[tuple[Any, ...]]]) -> dict[str, pa.RecordBatch]:
        return {
            table.name: _to_batch(found, schema)
            for table, schema, found in zip(self._tables, self._schemas, rows, strict=True)
            if found
        }


def _to_batch(rows: list[tuple[Any, ...]], schema: pa.Schema) -> pa.RecordBatch:
    columns = zip(*rows, strict=True)
    arrays = [pa.array(values, kind.type) for values, kind in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


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
