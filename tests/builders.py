"""Small things that tests are made of: messages, batches of them, contracts, and one transaction that merges them."""

from __future__ import annotations

import itertools
import json
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import orjson
import psycopg2
import pyarrow as pa
import yaml

from spark_jobs.enforce import Enforcer
from spark_jobs.merge import merge_tables
from spark_jobs.raw_messages import RAW_SCHEMA
from spark_jobs.statements import merge_order, table_statements
from spark_jobs.transaction import RangeTransaction
from trendscript.contracts.document import parse_contract

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spark_jobs.counts import TableCounts
    from trendscript.contracts import Contract, Table

_batch_ids = itertools.count(1000)


def a_chart_message(
    video_id: str = "dQw4w9WgXcQ",
    *,
    snippet: dict[str, Any] | None = None,
    item: dict[str, Any] | None = None,
    **envelope: Any,
) -> dict[str, Any]:
    """One entry of a chart as youtube_trending carries it."""
    return {
        "source": "youtube_api",
        "captured_at": "2026-11-20T12:00:00Z",
        "region_code": "FR",
        "category_id": "0",
        "rank": 1,
        "size": 50,
        "item": {"id": video_id, "snippet": {"title": "A title", **(snippet or {})}, **(item or {})},
        **envelope,
    }


def a_bare_chart_message(video_id: str = "dQw4w9WgXcQ", **envelope: Any) -> dict[str, Any]:
    """An entry whose item has no snippet: it gives a chart entry and says nothing of the video."""
    message = a_chart_message(video_id, **envelope)
    del message["item"]["snippet"]
    return message


def to_bytes(message: Any) -> bytes:
    """A message as it stands on Kafka."""
    return orjson.dumps(message)


def a_raw_batch(values: Sequence[bytes | None], *, partition: int = 0, first_offset: int = 0) -> pa.RecordBatch:
    """Raw messages at consecutive offsets of a partition, as Spark hands them over."""
    rows = [
        {
            "partition": partition,
            "offset": first_offset + number,
            "timestamp": 1_700_000_000_000_000 + number,
            "key": b"key",
            "value": value,
            "headers": [{"key": "origin", "value": b"\xff\x00"}],
        }
        for number, value in enumerate(values)
    ]
    return pa.RecordBatch.from_pylist(rows, schema=RAW_SCHEMA)


def a_column(name: str, **fields: Any) -> dict[str, Any]:
    """A column of a contract document: text, from the message's field of the same name unless told otherwise."""
    return {
        "name": name,
        "logicalType": "string",
        "physicalType": "text",
        "transformSourceObjects": [f"$.{name}"],
        **fields,
    }


def a_key_column(name: str, position: int = 1, **fields: Any) -> dict[str, Any]:
    """A column that belongs to its table's key."""
    key = {"required": True, "primaryKey": True, "primaryKeyPosition": position}
    return a_column(name, **key, **{"logicalTypeOptions": {"maxLength": 100}, **fields})


def a_version_column(name: str = "captured_at", **fields: Any) -> dict[str, Any]:
    """A column that orders the versions of a key."""
    return a_column(name, logicalType="timestamp", physicalType="timestamptz", required=True, **fields)


def a_table(name: str, *columns: dict[str, Any], mode: str = "append", **words: Any) -> dict[str, Any]:
    """A table of a contract document; keywords are its customProperties."""
    return {
        "name": name,
        "physicalName": f"made_up.{name}",
        "logicalType": "object",
        "customProperties": to_words({"writeMode": mode, **words}),
        "properties": list(columns),
    }


def to_words(words: dict[str, Any]) -> list[dict[str, Any]]:
    """Words as the standard writes customProperties."""
    return [{"property": word, "value": value} for word, value in words.items()]


def a_document(*tables: dict[str, Any], topic: str = "made_up", **words: Any) -> dict[str, Any]:
    """A contract document; keywords are words of its `topic` property."""
    topic_words = {
        "key": "id",
        "partitions": 1,
        "retentionDays": 7,
        "maxMessageBytes": 8388608,
        "producer": "a test",
        "consumers": ["a test"],
        "maxQuarantinePercent": 50,
    }
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": topic,
        "version": "1.0.0",
        "status": "active",
        "customProperties": to_words({"topic": {**topic_words, **words}}),
        "schema": list(tables),
    }


def no_table(name: str) -> Table:
    """Answers `sameAs` where no other document exists."""
    raise KeyError(name)


def a_contract(*tables: dict[str, Any], topic: str = "made_up") -> Contract:
    """The contract that such a document gives."""
    return parse_contract(yaml.safe_dump(a_document(*tables, topic=topic)), name=topic, find_table=no_table)


def merge_values(
    dsn: str,
    contract: Contract,
    values: Sequence[bytes | None],
    *,
    at: tuple[int, int] | None = None,
    overwrite_equal: bool = False,
) -> dict[str, TableCounts]:
    """Enforce and merge messages in one committed transaction, as a range does, without a ledger.

    `at` is the partition they come from and the batch they come in; a batch of its own unless told.
    """
    partition, batch_id = at or (0, next(_batch_ids))
    with RangeTransaction(dsn) as transaction:
        statements = stage_values(transaction, contract, values, overwrite_equal=overwrite_equal)
        counts: dict[str, TableCounts] = transaction.retry_deadlocks(
            lambda: merge_tables(transaction, statements, partition, batch_id)
        )
        transaction.commit()
    return counts


def stage_values(
    transaction: RangeTransaction,
    contract: Contract,
    values: Sequence[bytes | None],
    *,
    overwrite_equal: bool = False,
) -> list[Any]:
    """Copy what messages give into temporary tables; the statements that merge them come back."""
    statements = table_statements(contract, merge_order([contract]), overwrite_equal=overwrite_equal)
    for table in statements:
        transaction.execute(table.create_stage)
    for name, rows in Enforcer(contract).enforce(a_raw_batch(values)).rows.items():
        transaction.copy(f"stage_{name}", rows)
    return statements


def canonical_digest(*values: Any) -> bytes:
    """What a digest is by definition, without the code under test: 16 bytes of blake2b over compact JSON."""
    text = json.dumps(values, separators=(",", ":"), ensure_ascii=False)
    return blake2b(text.encode(), digest_size=16).digest()


def read_table(dsn: str, table: Table, *, with_digest: bool = True) -> list[tuple[Any, ...]]:
    """The table's contract columns and digest, in the order of the columns; times as microseconds since 1970."""
    names = [*table.column_names, *(["row_digest"] if with_digest else [])]
    times = {column.name for column in table.columns if column.logical_type == "timestamp"}
    parts = [f"(extract(epoch from {name}) * 1000000)::bigint" if name in times else name for name in names]
    rows = query(dsn, f"select {', '.join(parts)} from {table.physical_name} order by {', '.join(table.key)}")  # noqa: S608  (names from a contract)
    return [tuple(bytes(value) if isinstance(value, memoryview) else value for value in row) for row in rows]


def read_versions(dsn: str, contract: Contract) -> dict[str, set[tuple[Any, ...]]]:
    """Which transaction wrote each row, and where it stands: equal before and after means that nothing was written.

    Locks, which foreign keys take, don't show in it.
    """
    return {
        table.name: set(query(dsn, f"select ctid::text, xmin::text from {table.physical_name}"))  # noqa: S608  (names from a contract)
        for table in contract.tables
    }


def query(dsn: str, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Rows of a statement, in a committed transaction of its own; none where it gives none."""
    connection = psycopg2.connect(dsn)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()
