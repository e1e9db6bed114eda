"""Contracts: what each topic's messages are, which tables they feed, and what makes them acceptable."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from trendscript.contracts.model import Contract, Table
from trendscript.contracts.refusals import ContractNotFound, ContractRefused

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

__all__ = ["Contract", "ContractNotFound", "ContractRefused", "Table", "load_contract", "load_contracts"]


def _folder() -> Traversable:
    return resources.files("trendscript.data") / "contracts"


def topics() -> list[str]:
    """Names of all topics that have a contract, sorted."""
    return sorted(entry.name.removesuffix(".yaml") for entry in _folder().iterdir() if entry.name.endswith(".yaml"))


@cache
def load_contract(topic: str) -> Contract:
    """Read the contract of a topic from the package's data.

    Raises ContractNotFound when there is none, ContractRefused when it can't be understood.
    """
    # Executors import this package and read no document; what reads YAML takes them half a second.
    from trendscript.contracts.document import parse_contract  # noqa: PLC0415  (see above)

    document = _folder() / f"{topic}.yaml"
    if topic not in topics():
        raise ContractNotFound(
            f"There is no contract for the topic {topic!r}. There is one for: {', '.join(topics())}."
        )
    contract = parse_contract(document.read_text(encoding="utf-8"), name=topic, find_table=_find_table)
    if contract.topic != topic:
        raise ContractRefused(f"contracts/{topic}.yaml has the id {contract.topic!r}; the two must be the same.")
    return contract


def _find_table(name: str) -> Table:
    topic, _, table = name.partition("/")
    return load_contract(topic).table(table)


def load_contracts() -> dict[str, Contract]:
    """Read all contracts, by topic."""
    return {topic: load_contract(topic) for topic in topics()}
