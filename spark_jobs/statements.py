"""SQL statements: a contract's table goes in, the text that stages and merges its rows comes out.

Identifiers are quoted here and come from contracts only; values are never part of the text.
The driver renders everything, so that tasks on executors get text.
"""

from __future__ import annotations

from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from trendscript.contracts import ContractRefused
from trendscript.contracts.model import TRACE_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trendscript.contracts.model import Column, Contract, Table

_STAGE_TYPES = {"object": "text", "integer": "bigint"}


def quote(name: str) -> str:
    """An SQL identifier, quoted; a dot separates schema and table."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))


def _list(names: Iterable[str], prefix: str = "") -> str:
    return ", ".join(f"{prefix}{quote(name)}" for name in names)


def stage_name(table: Table) -> str:
    """Name of the temporary table that takes a range's rows for `table`."""
    return f"stage_{table.name}"


def _stage_type(column: Column) -> str:
    return _STAGE_TYPES.get(column.logical_type, column.physical_type)


@dataclass(frozen=True, slots=True)
class TableStatements:
    """What is run for one table of a range. Parameters of `merge`: $1 the partition, $2 the batch.

    `analyze_stage` tells the planner of the staged rows what it joins and sorts by.
    `delete_children` removes what the winning parent's message no longer holds (`replace` tables only).
    `merge` gives one row: rows, distinct, unchanged, stale, inserted, updated, stubs.
    `classify` ($1 the partition) gives unchanged, stale as they stand after the merge, for rows that lost a race.
    `remember_outcomes` keeps which message of a `replace` parent won; it takes the merge's parameters.
    `count_fates` (`replace` tables) counts the rows whose parent did not win: unchanged, stale, duplicate.
    """

    table: str
    stage: str
    create_stage: str
    analyze_stage: str
    merge: str
    classify: str
    remember_outcomes: str | None = None
    delete_children: str | None = None
    count_fates: str | None = None


def merge_order(contracts: Iterable[Contract]) -> list[str]:
    """Physical table names in the one order in which every transaction touches them.

    It keeps the order of every contract document (parents first), so two contracts can't deadlock.
    Raises ContractRefused when two documents contradict each other.
    """
    graph: dict[str, set[str]] = {}
    for contract in sorted(contracts, key=lambda contract: contract.topic):
        names = [table.physical_name for table in contract.tables]
        for before, name in zip([None, *names], names, strict=False):
            graph.setdefault(name, set()).update({before} if before else set())
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise ContractRefused(
            f"Contracts list the tables {', '.join(error.args[1])} in contradicting orders; list them in one order."
        ) from error


def table_statements(contract: Contract, order: list[str], *, overwrite_equal: bool = False) -> list[TableStatements]:
    """The statements of a contract's tables, in `order`.

    `overwrite_equal` lets a message that comes again take effect on the row it made, as in a replay after a contract
    was mended.
    """
    ranked = sorted(contract.tables, key=lambda table: order.index(table.physical_name))
    return [_Writer(contract, table, overwrite_equal=overwrite_equal).statements() for table in ranked]


class _Writer:
    """Writes one table's statements."""

    def __init__(self, contract: Contract, table: Table, *, overwrite_equal: bool) -> None:
        self._contract = contract
        self._table = table
        self._target = quote(table.physical_name)
        self._stage = quote(stage_name(table))
        self._key = table.key
        self._child = table.write_mode == "replace"
        self._overwrite_equal = overwrite_equal

    def statements(self) -> TableStatements:
        return TableStatements(
            table=self._table.physical_name,
            stage=stage_name(self._table),
            create_stage=self._create_stage(),
            analyze_stage=self._analyze_stage(),
            merge=self._merge(),
            classify=self._classify(),
            remember_outcomes=self._remember_outcomes() if self._is_root else None,
            delete_children=self._delete_children() if self._child else None,
            count_fates=self._count_fates() if self._child else None,
        )

    @property
    def _is_root(self) -> bool:
        return self._table == self._contract.root

    def _create_stage(self) -> str:
        columns = [f"{quote(column.name)} {_stage_type(column)}" for column in self._table.columns]
        return (
            f"create temporary table {self._stage} "
            f"({', '.join(columns)}, row_digest bytea, source_offset bigint) on commit drop"
        )

    def _analyze_stage(self) -> str:
        """Looking at every column, as a plain ANALYZE does, takes longer than the merge of rows that are unchanged."""
        references = [column.name for column, _ in self._table.references]
        version = [self._table.version] if self._table.version else []
        return f"analyze {self._stage} ({_list(dict.fromkeys([*self._key, *version, *references, 'source_offset']))})"

    def _newest(self) -> str:
        """One row a key, whatever order they came in; of a `replace` child only what a winning message holds."""
        version = f"{quote(self._table.version)} desc, " if self._table.version else ""
        won = (
            " where source_offset in (select source_offset from outcomes where outcome = 'won')" if self._child else ""
        )
        return (
            f"select distinct on ({_list(self._key)}) {_list(self._compared_columns)}, "
            f"$1::integer as source_partition, ctid as place from {self._stage}{won} "
            f"order by {_list(self._key)}, {version}row_digest desc, source_offset desc"
        )

    @property
    def _compared_columns(self) -> tuple[str, ...]:
        """What decides which row is the newest: only these are sorted and compared, and the rest of a row follows.

        A row has dozens of columns, and most rows that are read are no news.
        """
        version = [self._table.version] if self._table.version else []
        return tuple(dict.fromkeys([*self._key, *version, "row_digest", "source_offset"]))

    def _newer(self, target: str, new: str) -> str:
        """Whether the new row is to be written over the target's."""
        if self._child:
            return f"{target}.row_digest <> {new}.row_digest"
        tie = self._wins_tie(target, new)
        if self._table.version is None:
            return tie
        version = quote(self._table.version)
        old, fresh = f"{target}.{version}", f"{new}.{version}"
        return f"({old} is null or {old} < {fresh} or ({old} = {fresh} and {tie}))"

    def _wins_tie(self, target: str, new: str) -> str:
        """Whether the new row is to be written over one of the same version.

        A range that is replayed holds the message that the target's row came from, and decides about it anew; between
        rows of different ranges the digest decides as ever, so that it doesn't matter which range comes last.
        """
        higher = f"{target}.row_digest < {new}.row_digest"
        if not self._overwrite_equal:
            return higher
        again = (
            f"{target}.source_partition = {new}.source_partition "
            f"and {target}.source_offset in (select source_offset from {self._stage})"
        )
        return f"({higher} or ({target}.row_digest <> {new}.row_digest and {again}))"

    def _same(self) -> str:
        version = self._table.version
        same_version = f" and t.{quote(version)} = n.{quote(version)}" if version else ""
        return f"t.row_digest = n.row_digest{same_version}"

    def _compared(self) -> str:
        on = " and ".join(f"t.{quote(name)} = n.{quote(name)}" for name in self._key)
        return (
            f"select n.*, case when t.{quote(self._key[0])} is null or {self._newer('t', 'n')} then 'won' "
            f"when {self._same()} then 'unchanged' else 'stale' end as outcome "
            f"from newest as n left join {self._target} as t on {on}"
        )

    def _stubs(self) -> str:
        """Keys that this contract's other tables refer to and that nobody has yet."""
        key = quote(self._key[0])
        parts = [
            f"select {quote(column.name)} as {key} from {quote(stage_name(other))} "
            f"where {quote(column.name)} is not null"
            for other in self._contract.tables
            for column, reference in other.references
            if reference.stub and reference.table == self._table.name
        ]
        if not parts:
            return ""
        return (
            f"select distinct {key} from ({' union all '.join(parts)}) as c "
            f"where not exists (select from newest as n where n.{key} = c.{key}) "
            f"and not exists (select from {self._target} as t where t.{key} = c.{key})"
        )

    def _written(self, stubs: str) -> str:
        names = self._table.column_names
        values = ", ".join(self._value(column) for column in self._table.columns)
        source = (
            f"select {values}, s.row_digest, c.source_partition, s.source_offset, $2::bigint as batch_id "
            f"from compared as c join {self._stage} as s on s.ctid = c.place where c.outcome = 'won'"
        )
        if stubs:
            empty = ["null" if name not in self._key else quote(name) for name in names]
            source += f" union all select {', '.join(empty)}, null, $1::integer, null, $2::bigint from stubs"
        changed = [name for name in (*names, *TRACE_COLUMNS) if name not in self._key]
        return (
            f"insert into {self._target} as t ({_list(names)}, {_list(TRACE_COLUMNS)}) {source} "
            f"order by {_list(self._key)} on conflict ({_list(self._key)}) "
            f"do update set {', '.join(f'{quote(name)} = excluded.{quote(name)}' for name in changed)} "
            f"where excluded.row_digest is not null and {self._newer('t', 'excluded')} "
            # xmax is 0 only in a row version that was inserted, not in one an update made.
            "returning (xmax = 0) as fresh, (t.row_digest is null) as stub"
        )

    def _value(self, column: Column) -> str:
        name, staged = quote(column.name), _stage_type(column)
        value = f"s.{name}"
        return value if staged == column.physical_type else f"{value}::{column.physical_type} as {name}"

    def _merge(self) -> str:
        stubs = self._stubs()
        steps = [f"newest as materialized ({self._newest()})", f"compared as materialized ({self._compared()})"]
        if stubs:
            steps.append(f"stubs as materialized ({stubs})")
        steps.append(f"written as ({self._written(stubs)})")
        return (
            f"with {', '.join(steps)} select (select count(*) from {self._stage}), count(*), "
            "count(*) filter (where outcome = 'unchanged'), count(*) filter (where outcome = 'stale'), "
            "(select count(*) from written where fresh and not stub), (select count(*) from written where not fresh), "
            "(select count(*) from written where stub) from compared"
        )

    def _classify(self) -> str:
        return (
            f"with newest as materialized ({self._newest()}), compared as materialized ({self._compared()}) "
            "select count(*) filter (where outcome = 'unchanged'), count(*) filter (where outcome <> 'unchanged') "
            "from compared"
        )

    def _remember_outcomes(self) -> str:
        """Each message's fate as a parent, asked of the target after the merge: only what stands there has won."""
        trace = "t.batch_id = $2::bigint and t.source_partition = $1::integer and t.source_offset = s.source_offset"
        on = " and ".join(f"t.{quote(name)} = s.{quote(name)}" for name in self._key)
        return (
            f"create temporary table outcomes on commit drop as with newest as materialized ({self._newest()}), "
            f"compared as materialized ({self._compared()}) "
            f"select s.source_offset, case when {trace} then 'won' when c.source_offset is null then 'duplicate' "
            f"else c.outcome end as outcome from {self._stage} as s join {self._target} as t on {on} "
            f"left join compared as c on c.source_offset = s.source_offset"
        )

    def _count_fates(self) -> str:
        return (
            "select count(*) filter (where outcome = 'unchanged'), count(*) filter (where outcome = 'stale'), "
            "count(*) filter (where outcome = 'duplicate') "
            f"from {self._stage} as s join outcomes as o using (source_offset)"
        )

    def _delete_children(self) -> str:
        root = self._contract.root
        assert root is not None  # noqa: S101  (a replace table's contract has a root: the document check holds it)
        parents = " and ".join(f"c.{quote(name)} = p.{quote(name)}" for name in root.key)
        same = " and ".join(f"s.{quote(name)} = c.{quote(name)}" for name in self._key)
        return (
            f"with winners as (select p.* from {quote(stage_name(root))} as p join outcomes as o using (source_offset) "
            f"where o.outcome = 'won') "
            f"delete from {self._target} as c using winners as p where {parents} and not exists "
            f"(select from {self._stage} as s where s.source_offset = p.source_offset and {same}) returning 1"
        )
