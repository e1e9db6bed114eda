"""The SQL that is made of contracts, as far as it can be judged without running it."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

import pytest

from spark_jobs.statements import merge_order, quote, table_statements
from tests.builders import a_contract, a_key_column, a_table
from tests.series import a_series_contract
from trendscript.contracts import ContractRefused, load_contracts

if TYPE_CHECKING:
    from trendscript.contracts import Contract


@pytest.mark.parametrize(
    ("name", "quoted"),
    [("video", '"video"'), ("processed.video", '"processed"."video"'), ('a"b', '"a""b"'), ("order", '"order"')],
)
def test_identifiers_are_quoted(name: str, quoted: str) -> None:
    """Whatever a contract calls a column, it stays a name."""
    assert quote(name) == quoted


def test_all_our_contracts_share_one_order_with_parents_first() -> None:
    """Each document's own order holds in it."""
    order = merge_order(load_contracts().values())
    assert len(order) == len(set(order))
    for contract in load_contracts().values():
        places = [order.index(table.physical_name) for table in contract.tables]
        assert places == sorted(places)


def two_tables(topic: str, *names: str) -> Contract:
    """A contract with these tables in this order."""
    return a_contract(*(a_table(name, a_key_column("id")) for name in names), topic=topic)


def test_the_order_does_not_depend_on_how_contracts_are_given() -> None:
    """Two runners may list topics differently and must not deadlock for it."""
    contracts = [two_tables("a", "x", "y"), two_tables("b", "w", "y"), two_tables("c", "y", "z"), two_tables("d", "v")]
    orders = {tuple(merge_order(permuted)) for permuted in itertools.permutations(contracts)}
    assert len(orders) == 1


def test_contracts_that_contradict_each_other_are_refused() -> None:
    """The order x, y and the order y, x can't both be kept."""
    with pytest.raises(ContractRefused, match=r"made_up\.x.*in contradicting orders"):
        merge_order([two_tables("a", "x", "y"), two_tables("b", "y", "x")])


@pytest.mark.parametrize("contract", [*load_contracts().values(), a_series_contract()], ids=lambda found: found.topic)
def test_no_update_sets_a_column_of_the_key(contract: Contract) -> None:
    """Else foreign keys' share locks would meet updates, and transactions would deadlock."""
    for table, statements in zip(contract.tables, table_statements(contract, merge_order([contract])), strict=True):
        assert statements.table == table.physical_name
        (assigned,) = re.findall(r"do update set (.*?) where ", statements.merge)
        columns = set(re.findall(r'"(\w+)" = excluded', assigned))
        assert columns.isdisjoint(table.key)
        assert columns | set(table.key) == {
            *table.column_names,
            "row_digest",
            "source_partition",
            "source_offset",
            "batch_id",
        }
