"""The folder of contracts is itself under test: every document whole, every example of a topic and true."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from open_data_contract_standard.model import OpenDataContractStandard

from trendscript.contracts import load_contract
from trendscript.contracts.rows import MessageReader, Rejected

_FOLDER = Path(__file__).parents[2] / "contracts"
_DOCUMENTS = sorted(_FOLDER.glob("*.yaml"))
_EXAMPLES = sorted(path for path in (_FOLDER / "examples").rglob("*") if path.is_file())
_PASSING = [path for path in _EXAMPLES if path.name.endswith(".pass.json")]
_FAILING = [path for path in _EXAMPLES if path.name.endswith(".fail.json")]
_POLICY_DAYS = 30  # YouTube's developer policies, III.E.4.d


def _name(path: Path) -> str:
    return str(path.relative_to(_FOLDER))


@cache
def _read(document: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(document.read_text(encoding="utf-8"))
    return found


def _custom(part: dict[str, Any], name: str) -> Any:
    return next((found["value"] for found in part.get("customProperties", []) if found["property"] == name), None)


each_document = pytest.mark.parametrize("document", _DOCUMENTS, ids=_name)


@each_document
def test_a_document_is_odcs_and_nothing_else(document: Path) -> None:
    """Every word in it is one of the standard's: read by the standard's own model, nothing is dropped."""
    read = OpenDataContractStandard.from_file(str(document))
    assert read.model_dump(by_alias=True, exclude_unset=True) == _read(document)


@each_document
def test_a_document_says_whose_it_is_and_how_long_it_keeps(document: Path) -> None:
    """Owner, version, key, partitions, retention, producer and consumers are there, under the topic's own name."""
    contract = _read(document)
    topic = _custom(contract, "topic")
    assert contract["id"] == document.stem
    assert re.fullmatch(r"[a-z0-9_]+", contract["id"]), "a dot in a topic's name collides with _ in Kafka's metrics"
    assert re.fullmatch(r"\d+\.\d+\.\d+", contract["version"])
    assert contract["team"]["name"]
    assert all(contract["description"][part] for part in ("purpose", "usage", "limitations"))
    assert topic["key"]
    assert topic["partitions"] >= 1
    assert 1 <= topic["retentionDays"] <= _POLICY_DAYS
    assert topic["maxMessageBytes"] == 8 * 2**20
    assert topic["producer"]
    assert topic["consumers"]


@each_document
def test_every_table_and_column_is_described(document: Path) -> None:
    """The data dictionary is made of these sentences, so each is one, and none is missing."""
    for table in _read(document)["schema"]:
        for part in [table, *table.get("properties", [])]:
            assert part["description"].endswith("."), f"{table['name']}.{part['name']}"


@each_document
def test_a_nullable_column_says_when_it_is_null(document: Path) -> None:
    """Whoever reads the dictionary learns what an absent value means."""
    for table in _read(document)["schema"]:
        for column in table.get("properties", []):
            if not column.get("required"):
                assert "NULL" in column["description"], f"{table['name']}.{column['name']}"


@each_document
def test_a_topic_has_passing_and_failing_examples(document: Path) -> None:
    """A contract without an example of each kind is a claim that nothing holds it to."""
    folder = _FOLDER / "examples" / document.stem
    assert list(folder.glob("*.pass.json"))
    assert list(folder.glob("*.fail.json"))


def test_no_example_is_an_orphan() -> None:
    """Each file belongs to a topic and says whether it passes."""
    topics = {document.stem for document in _DOCUMENTS}
    assert _EXAMPLES
    assert [_name(path) for path in _EXAMPLES if path.parent.name not in topics] == []
    assert sorted([*_PASSING, *_FAILING]) == _EXAMPLES


@pytest.mark.parametrize("example", _PASSING, ids=_name)
def test_a_passing_example_is_accepted(example: Path) -> None:
    """Its message gives rows and no reason to refuse it."""
    found = MessageReader(load_contract(example.parent.name)).read(example.read_bytes())
    assert not isinstance(found, Rejected), found


@pytest.mark.parametrize("example", _FAILING, ids=_name)
def test_a_failing_example_is_refused_for_the_reason_in_its_name(example: Path) -> None:
    """The first reason is the one after the two dashes, and no other."""
    _, _, reason = example.name.removesuffix(".fail.json").partition("--")
    found = MessageReader(load_contract(example.parent.name)).read(example.read_bytes())
    assert found == Rejected(reason.replace("-", ":"))
