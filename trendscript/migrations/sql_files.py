"""The SQL that travels with the package: names, texts and checksums of its files."""

from __future__ import annotations

import hashlib
from importlib import resources
from typing import TYPE_CHECKING

from trendscript.contracts import load_contracts

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


def read_sql(path: str) -> str:
    """The text of a file under sql/."""
    return (_root() / path).read_text(encoding="utf-8")


def migration_names() -> list[str]:
    """Names of all migrations of this release, in the order they apply."""
    return [file.name.removesuffix(".sql") for file in _files("migrations")]


def migration_checksum(name: str) -> str:
    """Checksum of a migration's file."""
    return _checksum(read_sql(f"migrations/{name}.sql"))


def view_texts() -> list[str]:
    """The statements that make the views, in an order in which each finds those it needs."""
    return [file.read_text(encoding="utf-8") for file in [*_files("views"), *_files("questions")]]


def views_checksum() -> str:
    """One checksum over all that follows the migrations: views, the contracts' descriptions, and grants."""
    return _checksum("\0".join([*view_texts(), repr(column_comments()), read_sql("grants.sql")]))


def column_comments() -> list[tuple[str, tuple[str, ...], str]]:
    """The contracts' descriptions as (table or column, path of the name, text), for whoever looks in pgAdmin."""
    tables = {table.physical_name: table for contract in load_contracts().values() for table in contract.tables}
    comments: list[tuple[str, tuple[str, ...], str]] = []
    for name, table in tables.items():
        path = tuple(name.split("."))
        comments.append(("table", path, table.description))
        comments.extend(("column", (*path, column.name), column.description) for column in table.columns)
    return comments


def _root() -> Traversable:
    return resources.files("trendscript.data") / "sql"


def _files(folder: str) -> list[Traversable]:
    found = [file for file in (_root() / folder).iterdir() if file.name.endswith(".sql")]
    return sorted(found, key=lambda file: file.name)


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
