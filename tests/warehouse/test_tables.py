"""The migrated tables against the contracts, column by column: the YAML is read here anew, not by our own reader."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.warehouse.conftest import read_rows
from trendscript.contracts import load_contracts

if TYPE_CHECKING:
    from psycopg2.extras import RealDictCursor

_FOLDER = Path(__file__).parents[2] / "contracts"
_LINEAGE = {"row_digest": "bytea", "source_partition": "integer", "source_offset": "bigint", "batch_id": "bigint"}

_COLUMNS = """
    select
        a.attrelid::regclass::text as table_name, a.attname as name, a.attnotnull as not_null,
        format_type(a.atttypid, a.atttypmod) as type, col_description(a.attrelid, a.attnum) as comment
    from pg_attribute as a
    where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
    order by a.attnum
"""
_CONSTRAINTS = """
    select
        contype as kind, confrelid::regclass::text as parent,
        (select array_agg(attname::text order by n) from unnest(conkey) with ordinality as k (attnum, n)
            inner join pg_attribute as a on a.attrelid = conrelid and a.attnum = k.attnum) as columns
    from pg_constraint where conrelid = %s::regclass and contype in ('p', 'f', 'u')
    order by contype, conname
"""


def _tables() -> dict[str, dict[str, Any]]:
    documents = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(_FOLDER.glob("*.yaml"))]
    tables = [table for document in documents for table in document["schema"] if "properties" in table]
    return {table["physicalName"]: table for table in tables}


def _parents(tables: dict[str, dict[str, Any]]) -> set[str]:
    """Names of tables whose rows can be stubs."""
    columns = [column for table in tables.values() for column in table["properties"]]
    links = [link for column in columns for link in column.get("relationships", []) if "customProperties" in link]
    return {link["to"].partition(".")[0] for link in links}


TABLES = _tables()
PARENTS = _parents(TABLES)
each_table = pytest.mark.parametrize("name", TABLES)


@each_table
def test_columns_have_the_contracts_names_order_and_types(cursor: RealDictCursor, name: str) -> None:
    """After the contract's columns come those that lead back to the message, and no others."""
    wanted = [(column["name"], column["physicalType"]) for column in TABLES[name]["properties"]] + list(
        _LINEAGE.items()
    )
    types = {"timestamptz": "timestamp with time zone"}
    found = [(row["name"], row["type"]) for row in read_rows(cursor, _COLUMNS, name)]
    assert found == [(column, types.get(kind, kind)) for column, kind in wanted]


@each_table
def test_what_is_required_is_not_null_but_in_stubs(cursor: RealDictCursor, name: str) -> None:
    """A stub has a key only, so a table that can hold one leaves the rest open."""
    properties = TABLES[name]["properties"]
    if TABLES[name]["name"] in PARENTS:
        wanted = {column["name"] for column in properties if column.get("primaryKey")}
    else:
        wanted = {column["name"] for column in properties if column.get("required")} | set(_LINEAGE)
    assert {row["name"] for row in read_rows(cursor, _COLUMNS, name) if row["not_null"]} == wanted


@each_table
def test_the_key_is_the_contracts_and_the_only_unique_index(cursor: RealDictCursor, name: str) -> None:
    """A second unique index would let share locks of foreign keys deadlock with merges."""
    keyed = [column for column in TABLES[name]["properties"] if column.get("primaryKey")]
    wanted = [column["name"] for column in sorted(keyed, key=lambda column: column["primaryKeyPosition"])]
    keys = [row["columns"] for row in read_rows(cursor, _CONSTRAINTS, name) if row["kind"] in {"p", "u"}]
    indexes = read_rows(cursor, "select from pg_index where indrelid = %s::regclass and indisunique", name)
    assert keys == [wanted]
    assert len(indexes) == 1


@each_table
def test_foreign_keys_are_the_contracts_relationships(cursor: RealDictCursor, name: str) -> None:
    """What a contract says of parents, the database enforces."""
    wanted = [
        (f"processed.{link['to'].partition('.')[0]}", [column["name"]])
        for column in TABLES[name]["properties"]
        for link in column.get("relationships", [])
    ]
    found = [(row["parent"], row["columns"]) for row in read_rows(cursor, _CONSTRAINTS, name) if row["kind"] == "f"]
    assert found == wanted


@each_table
def test_descriptions_are_comments_in_the_database(cursor: RealDictCursor, name: str) -> None:
    """Whoever looks at a column in pgAdmin reads what the contract says of it."""
    comments = {row["name"]: row["comment"] for row in read_rows(cursor, _COLUMNS, name)}
    for column in TABLES[name]["properties"]:
        assert comments[column["name"]] == column["description"]


def test_our_reader_sees_the_same_tables() -> None:
    """The loader's own view of the contracts has the tables and columns that the YAML has."""
    read = {table.physical_name: table for contract in load_contracts().values() for table in contract.tables}
    wanted = {name: [column["name"] for column in table["properties"]] for name, table in TABLES.items()}
    assert {name: list(table.column_names) for name, table in read.items()} == wanted
