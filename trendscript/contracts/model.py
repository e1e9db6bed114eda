"""What a contract says, as frozen values: a topic, the tables it feeds, their columns and keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

WriteMode = Literal["newest", "append", "replace"]
LogicalType = Literal["string", "integer", "number", "boolean", "timestamp", "date", "array", "object"]

TRACE_COLUMNS = ("row_digest", "source_partition", "source_offset", "batch_id")
"""What every table has behind its contract's columns: a hash of them, and the message and batch they came with."""


@dataclass(frozen=True, slots=True)
class Path:
    """Where a value stands: the scope it starts from and the object keys that lead to it.

    `scope` -1 is the whole message (`$`); 0 the innermost element (`@`), 1 the one around it (`@1`).
    With `position` the value is the element's index in its array, from 0 (`#`, `#1`).
    """

    scope: int
    keys: tuple[str, ...] = ()
    position: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """What a value must satisfy beyond its type; None means "no such limit"."""

    pattern: str | None = None
    min_length: int | None = None
    max_length: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    enum: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key to another table's column; with `stub`, a missing parent is made, key only."""

    table: str
    column: str
    stub: bool


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table and where a message holds its value. The first path present wins."""

    name: str
    logical_type: LogicalType
    physical_type: str
    paths: tuple[Path, ...]
    required: bool = False
    key_position: int | None = None
    transform: str | None = None
    limits: Limits = field(default_factory=Limits)
    reference: Reference | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table that a message feeds.

    `rows_from` are the arrays whose elements are its rows, outermost first; empty: one row a message.
    `optional` are paths; the message gives no row when none of them is present.
    """

    name: str
    physical_name: str
    write_mode: WriteMode
    columns: tuple[Column, ...]
    version: str | None = None
    rows_from: tuple[Path, ...] = ()
    optional: tuple[Path, ...] = ()
    description: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """Names of the primary key's columns, in the key's order."""
        keyed = [column for column in self.columns if column.key_position is not None]
        return tuple(column.name for column in sorted(keyed, key=lambda column: column.key_position or 0))

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the contract's columns, in the contract's order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """The column of that name. Raises KeyError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def references(self) -> tuple[tuple[Column, Reference], ...]:
        """Columns that are foreign keys, with what they refer to."""
        return tuple((column, column.reference) for column in self.columns if column.reference)


@dataclass(frozen=True, slots=True)
class Contract:
    """What a topic carries and what becomes of it."""

    topic: str
    version: str
    key: str
    partitions: int
    retention_days: int
    max_message_bytes: int
    producer: str
    consumers: tuple[str, ...]
    max_quarantine_percent: float
    tables: tuple[Table, ...]
    description: str = ""

    def table(self, name: str) -> Table:
        """The table of that name in the contract. Raises KeyError when there is none."""
        for table in self.tables:
            if table.name == name:
                return table
        raise KeyError(name)

    @property
    def root(self) -> Table | None:
        """The table whose winning message decides over the `replace` tables; None where there are none.

        It is the `newest` table that every message has a row of; an optional one may stand beside it.
        """
        if not any(table.write_mode == "replace" for table in self.tables):
            return None
        return next(table for table in self.tables if table.write_mode == "newest" and not table.optional)
