"""Rows that are too old: a contract and what is to go come in, rows leave the contract's tables, in one transaction.

A row goes when it was captured before the time and came with a batch of the topic. Children that are replaced as a
set go with their parent. A parent that rows which stay point at is emptied to a stub, its key alone; one that can't
be a stub stays. A stub that nothing points at any more goes too, whichever topic made it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from psycopg2 import sql

from spark_jobs.statements import merge_order
from trendscript.contracts.model import TRACE_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (psycopg2 spells its classes small)

    from trendscript.contracts.model import Contract, Table

_AGE = "captured_at"
_SOURCE = "source"


@dataclass(frozen=True, slots=True)
class Doomed:
    """What is to go: all that was captured before a time, or only what came from one source."""

    before: datetime
    source: str | None = None


@dataclass(frozen=True, slots=True)
class PurgedTable:
    """Rows of a table that were deleted, and rows that were emptied to stubs."""

    deleted: int = 0
    emptied: int = 0

    def to_json(self) -> dict[str, int]:
        """As the ledger keeps it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Reference:
    """A column of a table that points at another's; a missing parent may be a `stub`."""

    child: str
    column: str
    parent: str
    parent_column: str
    stub: bool
    replaced: bool


def lock_tables(cursor: Cursor, contract: Contract, contracts: Collection[Contract]) -> None:
    """Keep others from writing to the contract's tables until the transaction ends; they may read.

    A load that inserts a row while its parent is deleted would fail. Loads take tables in the same order.
    """
    names = sql.SQL(", ").join(_name(table.physical_name) for table in _in_order(contract, contracts))
    cursor.execute(sql.SQL("lock table {} in exclusive mode").format(names))


def purge_tables(
    cursor: Cursor, contract: Contract, contracts: Collection[Contract], doomed: Doomed
) -> dict[str, PurgedTable]:
    """Delete and empty rows of every table of the contract, children first; how many, by table. The caller commits."""
    purger = _Purger(cursor, contract, contracts, doomed)
    return {table.physical_name: purger.purge(table) for table in reversed(_in_order(contract, contracts))}


def _in_order(contract: Contract, contracts: Collection[Contract]) -> list[Table]:
    """The contract's tables, parents first, in the one order of all loads."""
    order = merge_order([*contracts, contract])
    return sorted(contract.tables, key=lambda table: order.index(table.physical_name))


class _Purger:
    """Purges one table after another with the same parameters."""

    def __init__(self, cursor: Cursor, contract: Contract, contracts: Collection[Contract], doomed: Doomed) -> None:
        self._cursor = cursor
        self._contract = contract
        self._references = _find_references([*contracts, contract])
        self._source = doomed.source
        self._values = {"before": doomed.before, "source": doomed.source, "topic": contract.topic}

    def purge(self, table: Table) -> PurgedTable:
        """Delete what is to go of a table, and empty what others point at."""
        if table.write_mode == "replace":
            return PurgedTable(deleted=self._delete_children(table))
        if not self._has_age(table):
            return PurgedTable()
        name, unused = _name(table.physical_name), self._unused(table)
        deleted = self._run("delete from {} as t where {} and {}", name, self._is_doomed(table), unused)
        if not any(found.stub for found in self._pointing_at(table)):
            return PurgedTable(deleted)
        emptied = self._run("update {} as t set {} where {}", name, _to_stub(table), self._is_doomed(table))
        orphans = self._run("delete from {} as t where t.row_digest is null and {}", name, unused)
        return PurgedTable(deleted + orphans, emptied)

    def _delete_children(self, table: Table) -> int:
        """Rows that are replaced with their parent go with it."""
        root = self._contract.root
        if root is None or not self._has_age(root):
            return 0
        same = sql.SQL(" and ").join(sql.SQL("c.{0} = t.{0}").format(sql.Identifier(name)) for name in root.key)
        return self._run(
            "delete from {} as c using {} as t where {} and {} and {}",
            _name(table.physical_name),
            _name(root.physical_name),
            same,
            self._is_doomed(root),
            self._unused(root),
        )

    def _has_age(self, table: Table) -> bool:
        """Whether its rows say when they were captured, and, where that is asked, from which source they came."""
        return _AGE in table.column_names and (self._source is None or _SOURCE in table.column_names)

    def _is_doomed(self, table: Table) -> sql.Composable:
        """Whether the row `t` is old enough, of the source, and the topic's."""
        age = sql.SQL("t.{} < %(before)s").format(sql.Identifier(table.version or _AGE))
        ours = sql.SQL("exists (select from pipeline.batch as b where b.batch_id = t.batch_id and b.topic = %(topic)s)")
        if self._source is None:
            return sql.SQL("{} and {}").format(age, ours)
        of_source = sql.SQL("t.{} = %(source)s").format(sql.Identifier(_SOURCE))
        return sql.SQL("{} and {} and {}").format(age, of_source, ours)

    def _pointing_at(self, table: Table) -> list[_Reference]:
        return [found for found in self._references if found.parent == table.physical_name]

    def _unused(self, table: Table) -> sql.Composable:
        """Whether nothing points at the row `t`, but for children that go with it."""
        parts = [
            sql.SQL("not exists (select from {} as r where r.{} = t.{})").format(
                _name(found.child), sql.Identifier(found.column), sql.Identifier(found.parent_column)
            )
            for found in self._pointing_at(table)
            if not found.replaced
        ]
        return sql.SQL(" and ").join(parts) if parts else sql.SQL("true")

    def _run(self, statement: str, *parts: sql.Composable) -> int:
        self._cursor.execute(sql.SQL(statement).format(*parts), self._values)
        return int(self._cursor.rowcount)


def _find_references(contracts: Collection[Contract]) -> list[_Reference]:
    """Every foreign key that any contract names, each once."""
    found = {
        _Reference(
            table.physical_name,
            column.name,
            contract.table(reference.table).physical_name,
            reference.column,
            reference.stub,
            table.write_mode == "replace",
        )
        for contract in contracts
        for table in contract.tables
        for column, reference in table.references
    }
    return sorted(found, key=lambda reference: (reference.parent, reference.child, reference.column))


def _to_stub(table: Table) -> sql.Composable:
    """Every column but the key to NULL, those that lead to a message too."""
    names = [name for name in (*table.column_names, *TRACE_COLUMNS) if name not in table.key]
    return sql.SQL(", ").join(sql.SQL("{} = null").format(sql.Identifier(name)) for name in names)


def _name(physical_name: str) -> sql.Composable:
    return sql.Identifier(*physical_name.split("."))


def to_json(tables: dict[str, PurgedTable]) -> dict[str, Any]:
    """As the ledger keeps it."""
    return {name: counts.to_json() for name, counts in tables.items()}
