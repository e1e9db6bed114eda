"""Contract documents: what is understood, and how everything else is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.builders import a_column, a_contract, a_document, a_key_column, a_table, a_version_column, no_table, to_words
from trendscript.contracts import ContractNotFound, load_contract, load_contracts
from trendscript.contracts.document import ContractRefused, parse_contract
from trendscript.contracts.model import Limits, Path, Reference

if TYPE_CHECKING:
    from collections.abc import Callable

    from trendscript.contracts import Contract, Table

Document = dict[str, Any]


def parse(document: Any, find_table: Callable[[str], Table] = no_table) -> Contract:
    """The contract of a document named made_up."""
    return parse_contract(yaml.safe_dump(document), name="made_up", find_table=find_table)


def refusal(document: Any, find_table: Callable[[str], Table] = no_table) -> str:
    """Why a document is refused."""
    with pytest.raises(ContractRefused) as refused:
        parse(document, find_table)
    assert refused.value.exit_code == 78
    return str(refused.value)


def series(*children: Document, **words: Any) -> list[Document]:
    """A root table with replace tables under it."""
    root = a_table(
        "series", a_key_column("series_id"), a_version_column(), mode="newest", version="captured_at", **words
    )
    return [root, *children]


def seasons(*columns: Document, **words: Any) -> Document:
    """A replace table under series; its columns follow the series' key."""
    own = columns or (a_key_column("number", 2, transformSourceObjects=["@.number"]),)
    return a_table("season", a_key_column("series_id"), *own, mode="replace", **{"rowsFrom": ["$.seasons[*]"], **words})


def test_a_document_becomes_a_contract() -> None:
    """Every word ends in the field it means."""
    contract = parse(
        a_document(
            a_table(
                "thing",
                a_key_column("id"),
                a_column("kind", enum=[{"value": "a"}, {"value": "b"}], description="What it is."),
                a_column("count", logicalType="integer", physicalType="integer", logicalTypeOptions={"minimum": 1}),
                a_column("name", transformSourceObjects=["$.a.name", "$.b"]),
                a_version_column(),
                mode="newest",
                version="captured_at",
                optional=["$.a"],
            ),
            retentionDays=30,
        )
    )
    table = contract.table("thing")
    assert (contract.topic, contract.retention_days, contract.consumers) == ("made_up", 30, ("a test",))
    assert (table.key, table.version, table.optional) == (("id",), "captured_at", (Path(-1, ("a",)),))
    assert table.column("kind").limits == Limits(enum=("a", "b"))
    assert table.column("kind").description == "What it is."
    assert table.column("count").limits == Limits(minimum=1)
    assert table.column("name").paths == (Path(-1, ("a", "name")), Path(-1, ("b",)))


def test_the_key_has_the_order_of_its_positions() -> None:
    """Not the order in which the columns are listed."""
    contract = a_contract(a_table("thing", a_key_column("b", 2), a_key_column("a", 1)))
    assert contract.tables[0].key == ("a", "b")


def test_all_our_contracts_are_understood() -> None:
    """The five of the first release, by their topics."""
    assert set(load_contracts()) >= {
        "youtube_trending",
        "youtube_video",
        "youtube_channel",
        "youtube_category",
        "api_usage",
    }


def test_a_topic_without_contract_is_told_which_there_are() -> None:
    """Whoever mistyped a topic sees the names."""
    with pytest.raises(ContractNotFound, match=r"'youtube_trendin'.*api_usage, .*youtube_category"):
        load_contract("youtube_trendin")


def test_same_as_takes_the_table_over() -> None:
    """All of it, so that two topics can't describe one table in two ways."""
    video = load_contract("youtube_trending").table("video")
    assert load_contract("youtube_video").table("video") == video


def test_same_as_may_be_optional_in_its_own_way() -> None:
    """What a message lacks differs from topic to topic; the columns don't."""
    thing = a_contract(a_table("thing", a_key_column("id"))).tables[0]
    document = a_document(same_as("thing", optional=["$.item"]))
    assert parse(document, lambda _: thing).tables == (replace(thing, optional=(Path(-1, ("item",)),)),)


def same_as(name: str, **words: Any) -> Document:
    """A table that is another document's."""
    table = without(a_table(name), "properties")
    return {**table, "customProperties": to_words({"sameAs": f"other/{name}", **words})}


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ((), "colour: Extra inputs are not permitted"),
        (("customProperties", 0), "unknown field customProperties.0.colour"),
        (("schema", 0), "unknown field schema.0.colour"),
        (("schema", 0, "customProperties", 0), "unknown field schema.0.customProperties.0.colour"),
        (("schema", 0, "properties", 1), "unknown field schema.0.properties.1.colour"),
        (
            ("schema", 0, "properties", 1, "relationships", 0),
            "unknown field schema.0.properties.1.relationships.0.colour",
        ),
        (("customProperties", 0, "value"), "topic has unknown words colour"),
        (("schema", 0, "properties", 0, "logicalTypeOptions"), "table child, column id has logicalTypeOptions colour"),
    ],
)
def test_an_unknown_field_is_refused_at_any_depth(place: tuple[str | int, ...], sentence: str) -> None:
    """A mistyped word must not be a limit that silently doesn't hold."""
    relationship = {"type": "foreignKey", "to": "child.id"}
    document = a_document(a_table("child", a_key_column("id"), a_column("other", relationships=[relationship])))
    found: Any = document
    for step in place:
        found = found[step]
    found["colour"] = "red"
    text = refusal(document)
    assert sentence in text
    assert text.endswith("Mend contracts/made_up.yaml.")


def without(column: Document, *fields: str) -> Document:
    """The column, less some fields."""
    return {name: value for name, value in column.items() if name not in fields}


def references(table: str, *, stub: bool = True) -> Document:
    """The part of a column that makes it a foreign key."""
    words = to_words({"parentStub": stub})
    return {"relationships": [{"type": "foreignKey", "to": table, "customProperties": words}]}


def plain(*columns: Document, **words: Any) -> list[Document]:
    """One append table with a key and these columns."""
    return [a_table("thing", a_key_column("id"), *columns, **words)]


@pytest.mark.parametrize(
    ("tables", "sentence"),
    [
        (plain(mode="upsert"), "table thing has writeMode 'upsert', which is none of newest, append, replace"),
        (plain(speed="fast"), "table thing has customProperties speed"),
        (plain(a_column("x", physicalType="jsonb")), "column x has logicalType string with physicalType jsonb"),
        (plain(a_column("x", logicalType="uuid")), "column x has logicalType uuid with physicalType text"),
        (plain(without(a_column("x"), "physicalType")), "column x has logicalType string with physicalType None"),
        (plain(a_column("x", transformLogic="upper")), "column x has transformLogic 'upper', unknown for string"),
        (plain(a_column("x", transformLogic="json")), "column x has transformLogic 'json', unknown for string"),
        (plain(without(a_column("x"), "transformSourceObjects")), "column x has no transformSourceObjects"),
        (plain(a_column("x", transformSourceObjects=["item.x"])), "column x: 'item.x' is no path"),
        (plain(a_column("x", transformSourceObjects=["@.x"])), "column x: '@' reaches out of rowsFrom"),
        (plain(a_column("x", transformSourceObjects=["#"])), "column x: '#' reaches out of rowsFrom"),
        (
            plain(a_column("x", transformSourceObjects=["@1.x"]), rowsFrom=["$.a[*]"]),
            "column x: '@1' reaches out of rowsFrom",
        ),
        (plain(rowsFrom=["$.a"]), "table thing: '$.a' must end in [*]"),
        (plain(rowsFrom=["@.a[*]"]), "table thing: rowsFrom must begin with $"),
        (plain(rowsFrom="$.a[*]"), "table thing: rowsFrom must be a list"),
        (plain(optional="$.a"), "table thing: optional must be a list"),
        (plain(optional=["@.a"]), "table thing: optional must start from $"),
        (plain(a_column("x", logicalTypeOptions={"pattern": "("})), "column x has a pattern that isn't one"),
        (plain(a_column("x", logicalTypeOptions={"minimum": 1})), "column x has logicalTypeOptions minimum"),
        (
            plain(
                a_column("x", logicalType="integer", physicalType="bigint", logicalTypeOptions={"pattern": "^1$"}),
            ),
            "column x has logicalTypeOptions pattern",
        ),
        (
            plain(a_column("x", logicalType="boolean", physicalType="boolean", enum=[{"value": "true"}])),
            "column x has an enum, which only text has",
        ),
        (plain(a_column("x", logicalTypeOptions={"maxLength": "long"})), "column x has maxLength 'long'"),
        (plain(without(a_column("x"), "name")), "table thing has a column without a name"),
        (plain(a_column("x"), a_column("x")), "table thing has two columns x"),
        (plain(a_column("row_digest")), "column row_digest has a name that the loader uses"),
        (
            plain(a_column("X Y", transformSourceObjects=["$.x"])),
            "column X Y has a name that isn't lower-case letters, digits and _",
        ),
        ([a_table("Thing", a_key_column("id"))], "table Thing has a name that isn't lower-case letters, digits and _"),
        ([a_table("thing", a_column("x"))], "table thing has no primary key"),
        ([*plain(), *plain()], "two tables thing"),
        ([without(plain()[0], "name")], "a table without a name"),
        ([without(plain()[0], "physicalName")], "table thing has no physicalName of the form schema.table"),
        ([{**plain()[0], "physicalName": "thing"}], "table thing has no physicalName of the form schema.table"),
        ([without(plain()[0], "customProperties")], "table thing has no writeMode"),
        ([], "no schema"),
        (
            [a_table("thing", {**a_key_column("id"), "required": False})],
            "table thing, column id is a key and so must be required",
        ),
        (
            [a_table("thing", without(a_key_column("id"), "primaryKeyPosition"))],
            "column id has primaryKey without primaryKeyPosition",
        ),
        (plain(a_column("x", primaryKeyPosition=2)), "column x has primaryKeyPosition without primaryKey"),
        (plain(a_key_column("x", 1)), "table thing has two columns at the same place of its key"),
        (
            [a_table("thing", without(a_key_column("id"), "logicalTypeOptions"))],
            "column id is text in a key and so needs a maxLength",
        ),
        (
            [a_table("thing", a_key_column("id", logicalTypeOptions={"pattern": "^[a-z]+$"}))],
            "column id is text in a key and so needs a maxLength",
        ),
        (plain(mode="newest"), "table thing: writeMode newest needs a version, and only it"),
        (
            plain(a_version_column(), version="captured_at"),
            "table thing: writeMode newest needs a version, and only it",
        ),
        (plain(mode="newest", version="when"), "table thing has no column 'when'"),
        (
            plain(without(a_version_column(), "required"), mode="newest", version="captured_at"),
            "column captured_at is the version and so must be required",
        ),
        ([seasons()], "replace tables need exactly one newest table"),
        (
            [*series(), {**series()[0], "name": "other", "physicalName": "made_up.other"}, seasons()],
            "replace tables need exactly one newest table",
        ),
        (
            series(a_table("season", a_key_column("number"), mode="replace", rowsFrom=["$.seasons[*]"])),
            "table season must begin its key with that of series",
        ),
        (
            series(
                a_table(
                    "season",
                    a_key_column("series_id", transformSourceObjects=["@.series_id"]),
                    mode="replace",
                    rowsFrom=["$.seasons[*]"],
                )
            ),
            "table season must take series_id from where series does",
        ),
        (series(seasons(), optional=["$.a"]), "exactly one newest table in their contract that"),
        (series(seasons(), rowsFrom=["$.a[*]"]), "table series has replace tables and so can't have rowsFrom"),
        (
            plain(a_column("x", **references("nothing.id"))),
            "column x refers to nothing.id, which isn't a table before it",
        ),
        (
            [*plain(a_column("x", **references("other.id"))), a_table("other", a_key_column("id"))],
            "column x refers to other.id, which isn't a table before it",
        ),
        (
            [a_table("other", a_key_column("id"), a_column("y")), *plain(a_column("x", **references("other.y")))],
            "column x can't make a stub: y isn't the whole key of other",
        ),
        (
            [a_table("other", a_key_column("a"), a_key_column("b", 2)), *plain(a_column("x", **references("other.a")))],
            "column x can't make a stub: a isn't the whole key of other",
        ),
        (
            [a_table("other", a_key_column("y")), *plain(a_column("x", **references("other.y")))],
            "column x can't make a stub: other isn't a newest table",
        ),
        (
            plain(a_column("x", relationships=[{"type": "foreignKey", "to": "a.b"}] * 2)),
            "column x has several relationships",
        ),
        ([same_as("thing", writeMode="append")], "table thing is sameAs and also says writeMode"),
        ([{**same_as("thing"), "properties": [a_column("x")]}], "no properties of its own"),
        ([same_as("other")], "table other is sameAs other/other"),
    ],
)
def test_a_document_that_makes_no_sense_is_refused(tables: list[Document], sentence: str) -> None:
    """Each refusal is a sentence that names the document and the place in it."""
    thing = a_contract(*plain()).tables[0]
    text = refusal(a_document(*tables), lambda _: thing)
    assert sentence in text
    assert text.startswith("The contract made_up can't be used: ")
    assert text.endswith("Mend contracts/made_up.yaml.")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"partitions": "many"}, "topic has partitions 'many'"),
        ({"partitions": 0}, "topic has partitions 0"),
        ({"retentionDays": True}, "topic has retentionDays True"),
        ({"consumers": "load"}, "topic has consumers 'load'"),
        ({"maxQuarantinePercent": 101}, "topic has maxQuarantinePercent 101"),
        ({"key": ""}, "topic has key ''"),
    ],
)
def test_a_topic_word_of_another_kind_is_refused(words: dict[str, Any], sentence: str) -> None:
    """Numbers are numbers and lists are lists."""
    assert sentence in refusal(a_document(*plain(), **words))


@pytest.mark.parametrize(
    "word", ["key", "partitions", "retentionDays", "maxMessageBytes", "producer", "consumers", "maxQuarantinePercent"]
)
def test_every_topic_word_is_needed(word: str) -> None:
    """A topic without owner, key or retention isn't described."""
    document = a_document(*plain())
    del document["customProperties"][0]["value"][word]
    assert f"topic has no {word}" in refusal(document)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "it isn't a mapping"),
        ("- a list", "it isn't a mapping"),
        ("a: b: c", "mapping values are not allowed"),
        ("id: made_up", "no customProperty topic"),
        ("customProperties: [{property: topic, value: many}]", "topic is no mapping"),
        ("schema: yes", "schema"),
    ],
)
def test_a_text_that_is_no_document_is_refused(text: str, sentence: str) -> None:
    """Also a file that is empty or no YAML ends in a sentence."""
    with pytest.raises(ContractRefused, match="The contract made_up can't be used: ") as refused:
        parse_contract(text, name="made_up", find_table=no_table)
    assert sentence in str(refused.value)


@pytest.mark.parametrize("field", ["id", "version"])
def test_id_and_version_are_needed(field: str) -> None:
    """A batch keeps the version of the contract it was loaded by."""
    document = a_document(*plain())
    del document[field]
    assert f"the contract has no {field}" in refusal(document)


def test_a_stub_is_asked_for_in_a_foreign_key() -> None:
    """Parent first, then the child that may come before it."""
    (parent,) = series()
    child = a_table("rating", a_key_column("series_id", **references("series.series_id")), rowsFrom=["$.ratings[*]"])
    ((column, reference),) = a_contract(parent, child).table("rating").references
    assert (column.name, reference) == ("series_id", Reference("series", "series_id", stub=True))
