"""Data dictionary: contracts go in; a Markdown page that says what every table and column means comes out.

`python -m trendscript.contracts.dictionary` prints the page that is kept as docs/data_dictionary.md.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from trendscript.contracts import load_contracts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from trendscript.contracts.model import Column, Contract, Path, Table

_HEAD = """\
# Data dictionary

Made from `contracts/` by `make dictionary`; a test holds it to them. The database has the same texts as comments.

Times are UTC. A value that the source did not give is NULL: never 0, never an empty text.
The views of schema `trusted` are built on these tables; `trendscript ask` lists those that answer a question.
"""

_TRACE = """\
## The last columns of every table

| Column | Type | Meaning |
|---|---|---|
| `row_digest` | bytea | A hash of the columns above: equal rows have equal digests. |
| `source_partition`, `source_offset` | integer, bigint | The Kafka message that the row came from. |
| `batch_id` | bigint | The batch that wrote the row; `pipeline.batch` says when, and by which release. |

All are NULL in a stub: a row made because another table names it before its own message has come.
"""

_MODES = {
    "newest": "the newest version of a key wins, whatever order messages come in; versions are ordered by `{version}`",
    "append": "observations: rows are added and never overwritten by later ones",
    "replace": "children of a message: the set of the newest message takes the place of the set before",
}


def to_markdown(contracts: Mapping[str, Contract]) -> str:
    """The whole page, tables in the order of their names."""
    tables = {table.physical_name: table for contract in contracts.values() for table in contract.tables}
    stubs = _stubs(tables.values())
    sections = [
        "\n".join(_section(table, _topics(name, contracts.values()), may_be_stub=table.name in stubs))
        for name, table in sorted(tables.items())
    ]
    index = [f"- [`{name}`](#{name.replace('.', '')})" for name in sorted(tables)]
    return "\n".join([_HEAD, *index, "", *sections, _TRACE])


def _stubs(tables: Iterable[Table]) -> set[str]:
    """Names of tables whose rows can be made by a child that came first."""
    return {reference.table for table in tables for _, reference in table.references if reference.stub}


def _topics(name: str, contracts: Iterable[Contract]) -> list[str]:
    return [contract.topic for contract in contracts if name in {table.physical_name for table in contract.tables}]


def _section(table: Table, topics: list[str], *, may_be_stub: bool) -> Iterator[str]:
    yield f"## {table.physical_name}\n"
    yield f"{table.description}\n"
    yield f"- Key: {', '.join(f'`{name}`' for name in table.key)}"
    yield f"- Kept: {_MODES[table.write_mode].format(version=table.version)}"
    yield f"- Comes from: {', '.join(f'`{topic}`' for topic in topics)}\n"
    yield "| Column | Type | NULL | In the message | Meaning |"
    yield "|---|---|---|---|---|"
    for column in table.columns:
        yield _row(column, _null(column, may_be_stub=may_be_stub))
    yield ""


def _null(column: Column, *, may_be_stub: bool) -> str:
    if not column.required:
        return "yes"
    return "in a stub" if may_be_stub and column.key_position is None else "no"


def _row(column: Column, null: str) -> str:
    paths = ", ".join(f"`{_path(path)}`" for path in column.paths)
    meaning = "".join((_cell(column.description), _values(column), _reference(column)))
    return f"| `{column.name}` | {column.physical_type} | {null} | {paths} | {meaning} |"


def _values(column: Column) -> str:
    values = ", ".join(f"`{value}`" for value in column.limits.enum)
    return f" One of: {values}." if values else ""


def _path(path: Path) -> str:
    """A path as the contract has it."""
    scope = {-1: "$", 0: "@"}.get(path.scope, f"@{path.scope}")
    if path.position:
        return scope.replace("@", "#")
    return ".".join((scope, *path.keys))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")


def _reference(column: Column) -> str:
    reference = column.reference
    return f" Leads to `{reference.table}.{reference.column}`." if reference else ""


if __name__ == "__main__":
    sys.stdout.write(to_markdown(load_contracts()))
