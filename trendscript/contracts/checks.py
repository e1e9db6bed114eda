"""Checks: a contract whose document could be read goes in; nothing comes out, or what contradicts itself in it.

What can be told here would otherwise end a load: a path that leads nowhere, a key that an index can't hold,
children whose parent decides nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from trendscript.contracts.model import TRACE_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trendscript.contracts.model import Column, Contract, Limits, Path, Reference, Table

# Postgres cuts names at 63 bytes, and a staging table's name has a few letters more than its table's.
_NAME = re.compile(r"[a-z][a-z0-9_]{0,50}\Z")
_PHYSICAL_NAME = re.compile(r"[a-z][a-z0-9_]{0,50}\.[a-z][a-z0-9_]{0,50}\Z")

_ENDLESS = re.compile(r"[*+]|,\}")


def check_contract(contract: Contract) -> None:
    """Raises ValueError, naming table and column, unless the tables make sense, each by itself and together."""
    for name in _repeated(table.name for table in contract.tables):
        raise ValueError(f"there are two tables {name}")
    if not contract.tables:
        raise ValueError("it has no schema, so it feeds no table")
    for number, table in enumerate(contract.tables):
        _check_table(table)
        _check_references(table, contract.tables[:number])
    _check_replace(contract)


def _check_table(table: Table) -> None:
    place = f"table {table.name}"
    if not _NAME.match(table.name):
        raise ValueError(f"{place} has a name that isn't lower-case letters, digits and _")
    if not _PHYSICAL_NAME.match(table.physical_name):
        raise ValueError(f"{place} has no physicalName of the form schema.table")
    for name in _repeated(table.column_names):
        raise ValueError(f"{place} has two columns {name}")
    for column in table.columns:
        _check_column(column, len(table.rows_from), f"{place}, column {column.name}")
    _check_key(table, place)
    _check_version(table, place)
    _check_rows(table, place)


def _check_column(column: Column, depth: int, place: str) -> None:
    if not _NAME.match(column.name):
        raise ValueError(f"{place} has a name that isn't lower-case letters, digits and _")
    if column.name in TRACE_COLUMNS:
        raise ValueError(f"{place} has a name that the loader uses")
    for path in column.paths:
        if path.scope >= depth:
            raise ValueError(f"{place}: '{_scope(path)}' reaches out of rowsFrom, which has {depth} arrays")


def _scope(path: Path) -> str:
    return f"{'#' if path.position else '@'}{path.scope or ''}"


def _check_key(table: Table, place: str) -> None:
    if not table.key:
        raise ValueError(f"{place} has no primary key")
    keyed = [column for column in table.columns if column.key_position is not None]
    for position in _repeated(column.key_position for column in keyed):
        raise ValueError(f"{place} has two columns at the same place of its key, {position}")
    for column in keyed:
        if not column.required:
            raise ValueError(f"{place}, column {column.name} is a key and so must be required")
        if column.logical_type == "string" and not _is_bounded(column.limits):
            # An index refuses a row of some kilobytes, and with it the whole range, now and at every attempt.
            raise ValueError(f"{place}, column {column.name} is text in a key and so needs a maxLength")


def _is_bounded(limits: Limits) -> bool:
    return bool(limits.max_length or limits.enum or (limits.pattern and not _ENDLESS.search(limits.pattern)))


def _check_version(table: Table, place: str) -> None:
    if (table.write_mode == "newest") != (table.version is not None):
        raise ValueError(f"{place}: writeMode newest needs a version, and only it")
    if table.version is None:
        return
    if table.version not in table.column_names:
        raise ValueError(f"{place} has no column {table.version!r}, which is to be its version")
    if not table.column(table.version).required:
        raise ValueError(f"{place}, column {table.version} is the version and so must be required")


def _check_rows(table: Table, place: str) -> None:
    if table.rows_from and table.rows_from[0].scope >= 0:
        raise ValueError(f"{place}: rowsFrom must begin with $, the message")
    if any(path.scope >= 0 for path in table.optional):
        raise ValueError(f"{place}: optional must start from $, the message")


def _check_references(table: Table, before: tuple[Table, ...]) -> None:
    parents = {parent.name: parent for parent in before}
    for column, reference in table.references:
        place = f"table {table.name}, column {column.name}"
        parent = parents.get(reference.table)
        if parent is None or reference.column not in parent.column_names:
            raise ValueError(f"{place} refers to {reference.table}.{reference.column}, which isn't a table before it")
        if reference.stub:
            _check_stub(reference, parent, place)


def _check_stub(reference: Reference, parent: Table, place: str) -> None:
    """A stub is a key and nothing else, and has no version."""
    if parent.key != (reference.column,):
        raise ValueError(f"{place} can't make a stub: {reference.column} isn't the whole key of {parent.name}")
    if parent.write_mode != "newest":
        raise ValueError(f"{place} can't make a stub: {parent.name} isn't a newest table")


def _check_replace(contract: Contract) -> None:
    """One message decides over a set of children: the one that wins the newest table that each message feeds."""
    children = [table for table in contract.tables if table.write_mode == "replace"]
    roots = [table for table in contract.tables if table.write_mode == "newest" and not table.optional]
    if not children:
        return
    if len(roots) != 1:
        raise ValueError("replace tables need exactly one newest table in their contract that isn't optional")
    (root,) = roots
    if root.rows_from:
        raise ValueError(f"table {root.name} has replace tables and so can't have rowsFrom: every message must be one")
    for child in children:
        _check_child(child, root)


def _check_child(child: Table, root: Table) -> None:
    if child.key[: len(root.key)] != root.key:
        raise ValueError(f"table {child.name} must begin its key with that of {root.name}")
    for name in root.key:
        own, parents = child.column(name), root.column(name)
        if (own.paths, own.physical_type, own.transform) != (parents.paths, parents.physical_type, parents.transform):
            # Else a message could bring children of one parent and have the children of another deleted.
            raise ValueError(f"table {child.name} must take {name} from where {root.name} does")


def _repeated(values: Iterable[object]) -> list[object]:
    return [value for value, times in Counter(values).items() if times > 1]
