"""Contract documents: the text of an ODCS v3.1 YAML file goes in, a `Contract` comes out or a refusal that says why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import yaml
from open_data_contract_standard.model import OpenDataContractStandard, SchemaObject, SchemaProperty
from pydantic import ValidationError

from trendscript.contracts.model import Column, Contract, Limits, LogicalType, Reference, Table, WriteMode
from trendscript.contracts.paths import PathRefused, parse_path, parse_rows_path
from trendscript.contracts.refusals import ContractRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PHYSICAL_TYPES: Mapping[str, tuple[str, ...]] = {
    "string": ("text",),
    "integer": ("bigint", "integer", "smallint"),
    "number": ("double precision",),
    "boolean": ("boolean",),
    "timestamp": ("timestamptz",),
    "date": ("date",),
    "array": ("text[]",),
    "object": ("jsonb",),
}
TRANSFORMS: Mapping[str, str] = {"iso8601_seconds": "integer", "boolean_text": "boolean", "json": "object"}

_TOPIC_WORDS = {
    "key",
    "partitions",
    "retentionDays",
    "maxMessageBytes",
    "producer",
    "consumers",
    "maxQuarantinePercent",
}
_TABLE_WORDS = {"writeMode", "version", "rowsFrom", "optional", "sameAs"}
_LIMITS = {
    "pattern": "pattern",
    "minLength": "min_length",
    "maxLength": "max_length",
    "minimum": "minimum",
    "maximum": "maximum",
}


def parse_contract(text: str, *, name: str, find_table: Callable[[str], Table]) -> Contract:
    """Read one document. `find_table` answers `sameAs: TOPIC/TABLE`.

    Raises ContractRefused, naming the document and the place, for unknown fields, words, types and paths.
    """
    try:
        return _Reader(name, find_table).contract(text)
    except (ValidationError, PathRefused, yaml.YAMLError, KeyError, ValueError, TypeError) as error:
        raise ContractRefused(f"The contract {name} can't be used: {error}. Mend contracts/{name}.yaml.") from error


class _Reader:
    """Reads one document; knows its name for the refusals."""

    def __init__(self, name: str, find_table: Callable[[str], Table]) -> None:
        self._name = name
        self._find_table = find_table

    def contract(self, text: str) -> Contract:
        data = yaml.safe_load(text)
        document = OpenDataContractStandard(**data)
        self._refuse_unknown(data, document.model_dump(by_alias=True, exclude_unset=True), "")
        topic = self._words(document.customProperties, {"topic"}, "the contract")["topic"]
        self._refuse(set(topic) - _TOPIC_WORDS, "topic has unknown words {}")
        tables = tuple(self._table(table) for table in document.schema_ or [])
        contract = Contract(
            topic=str(document.id),
            version=str(document.version),
            key=topic["key"],
            partitions=int(topic["partitions"]),
            retention_days=int(topic["retentionDays"]),
            max_message_bytes=int(topic["maxMessageBytes"]),
            producer=topic["producer"],
            consumers=tuple(topic["consumers"]),
            max_quarantine_percent=float(topic["maxQuarantinePercent"]),
            tables=tables,
            description=(document.description.purpose or "") if document.description else "",
        )
        self._check_replace(contract)
        return contract

    def _table(self, schema: SchemaObject) -> Table:
        place = f"table {schema.name}"
        words = self._words(schema.customProperties, _TABLE_WORDS, place)
        if "sameAs" in words:
            return self._same_table(schema, words)
        mode = words["writeMode"]
        if mode not in get_args(WriteMode):
            raise ValueError(f"{place} has writeMode {mode!r}, which is none of {', '.join(get_args(WriteMode))}")
        table = Table(
            name=str(schema.name),
            physical_name=str(schema.physicalName),
            write_mode=mode,
            version=words.get("version"),
            rows_from=tuple(parse_rows_path(path) for path in words.get("rowsFrom", [])),
            optional=tuple(parse_path(path) for path in words.get("optional", [])),
            columns=tuple(self._column(column, place) for column in schema.properties or []),
            description=schema.description or "",
        )
        self._check_table(table, place)
        return table

    def _same_table(self, schema: SchemaObject, words: dict[str, Any]) -> Table:
        self._refuse(set(words) - {"sameAs", "optional"}, f"table {schema.name} is sameAs and also says {{}}")
        table = self._find_table(words["sameAs"])
        if table.name != schema.name or schema.properties:
            raise ValueError(
                f"table {schema.name} is sameAs {words['sameAs']}: same name, and no properties of its own"
            )
        return table

    def _column(self, column: SchemaProperty, table: str) -> Column:
        place = f"{table}, column {column.name}"
        logical, physical = str(column.logicalType), str(column.physicalType)
        if physical not in PHYSICAL_TYPES.get(logical, ()):
            raise ValueError(f"{place} has logicalType {logical} with physicalType {physical}")
        if column.transformLogic and TRANSFORMS.get(column.transformLogic) != logical:
            raise ValueError(f"{place} has transformLogic {column.transformLogic!r}, unknown for {logical}")
        if not column.transformSourceObjects:
            raise ValueError(f"{place} has no transformSourceObjects")
        logical_type: LogicalType = logical  # type: ignore[assignment]  # PHYSICAL_TYPES has just these
        return Column(
            name=str(column.name),
            logical_type=logical_type,
            physical_type=physical,
            paths=tuple(parse_path(path) for path in column.transformSourceObjects),
            required=bool(column.required),
            key_position=column.primaryKeyPosition if column.primaryKey else None,
            transform=column.transformLogic,
            limits=self._limits(column, place),
            reference=self._reference(column, place),
            description=column.description or "",
        )

    def _limits(self, column: SchemaProperty, place: str) -> Limits:
        options = dict(column.logicalTypeOptions or {})
        self._refuse(set(options) - set(_LIMITS), f"{place} has logicalTypeOptions {{}}, which aren't understood")
        enum = tuple(str(allowed.value) for allowed in column.enum or [])
        return Limits(**{_LIMITS[word]: value for word, value in options.items()}, enum=enum)

    def _reference(self, column: SchemaProperty, place: str) -> Reference | None:
        if not column.relationships:
            return None
        (relationship,) = column.relationships
        words = self._words(relationship.customProperties, {"parentStub"}, place)
        table, _, parent = str(relationship.to).partition(".")
        return Reference(table=table, column=parent, stub=bool(words.get("parentStub", False)))

    def _words(self, properties: list[Any] | None, allowed: set[str], place: str) -> dict[str, Any]:
        words = {str(word.property): word.value for word in properties or []}
        self._refuse(set(words) - allowed, f"{place} has customProperties {{}}, which aren't understood")
        return words

    def _check_table(self, table: Table, place: str) -> None:
        if not table.key:
            raise ValueError(f"{place} has no primary key")
        if (table.write_mode == "newest") != (table.version is not None):
            raise ValueError(f"{place}: writeMode newest needs a version, and only it")
        if table.version is not None:
            table.column(table.version)
        for column in table.columns:
            if column.key_position is not None and not column.required:
                raise ValueError(f"{place}, column {column.name} is a key and so must be required")

    def _check_replace(self, contract: Contract) -> None:
        children = [table for table in contract.tables if table.write_mode == "replace"]
        newest = [table for table in contract.tables if table.write_mode == "newest"]
        if not children:
            return
        if len(newest) != 1:
            raise ValueError("replace tables need exactly one newest table in their contract")
        for child in children:
            if child.key[: len(newest[0].key)] != newest[0].key:
                raise ValueError(f"table {child.name} must begin its key with that of {newest[0].name}")

    def _refuse(self, unknown: set[str], sentence: str) -> None:
        if unknown:
            raise ValueError(sentence.format(", ".join(sorted(unknown))))

    def _refuse_unknown(self, given: Any, understood: Any, place: str) -> None:
        """Fields that the document has and the standard's model doesn't know."""
        if isinstance(given, dict) and isinstance(understood, dict):
            self._refuse(set(given) - set(understood), f"unknown field {place}{{}}")
            for field, value in given.items():
                self._refuse_unknown(value, understood[field], f"{place}{field}.")
        elif isinstance(given, list) and isinstance(understood, list):
            for number, (value, known) in enumerate(zip(given, understood, strict=True)):
                self._refuse_unknown(value, known, f"{place}{number}.")
