"""Contract documents: the text of an ODCS v3.1 YAML file goes in, a `Contract` comes out or a refusal that says why."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

import yaml
from open_data_contract_standard.model import OpenDataContractStandard, SchemaObject, SchemaProperty
from pydantic import ValidationError

from trendscript.contracts.checks import check_contract
from trendscript.contracts.model import Column, Contract, Limits, LogicalType, Reference, Table, WriteMode
from trendscript.contracts.paths import PathRefused, parse_path, parse_rows_path
from trendscript.errors import NeedsAPerson

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from trendscript.contracts.model import Path

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

_TABLE_WORDS = {"writeMode", "version", "rowsFrom", "optional", "sameAs"}
_LIMITS = {
    "pattern": "pattern",
    "minLength": "min_length",
    "maxLength": "max_length",
    "minimum": "minimum",
    "maximum": "maximum",
}
_LIMITS_OF_TYPE: Mapping[str, set[str]] = {
    "string": {"pattern", "minLength", "maxLength"},
    "integer": {"minimum", "maximum"},
    "number": {"minimum", "maximum"},
}


class ContractRefused(NeedsAPerson):
    """Raised when a contract document says something that isn't understood or contradicts itself."""


def parse_contract(text: str, *, name: str, find_table: Callable[[str], Table]) -> Contract:
    """Read one document. `find_table` answers `sameAs: TOPIC/TABLE`.

    Raises ContractRefused, naming the document and the place, for unknown fields, words, types and paths.
    """
    try:
        contract = _Reader(find_table).contract(text)
        check_contract(contract)
    except RecursionError:
        raise ContractRefused(
            f"The contract {name} is sameAs a table that is, around a circle, sameAs its own. Give one its columns."
        ) from None
    except (ValidationError, yaml.YAMLError, ValueError) as error:
        raise ContractRefused(
            f"The contract {name} can't be used: {_sentence(error)}. Mend contracts/{name}.yaml."
        ) from error
    return contract


def _sentence(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(str(step) for step in first['loc'])}: {first['msg']}"
    return " ".join(str(error).split())


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _is_list_of_text(value: Any) -> bool:
    return isinstance(value, list) and all(_is_text(element) for element in value)


def _is_count(value: Any) -> bool:
    return type(value) is int and value > 0


def _is_percent(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 100  # noqa: PLR2004  (that is what a percentage is)


_TOPIC_WORDS: Mapping[str, Callable[[Any], bool]] = {
    "key": _is_text,
    "partitions": _is_count,
    "retentionDays": _is_count,
    "maxMessageBytes": _is_count,
    "producer": _is_text,
    "consumers": _is_list_of_text,
    "maxQuarantinePercent": _is_percent,
}


class _Reader:
    """Reads one document; every refusal is a ValueError that names the place."""

    def __init__(self, find_table: Callable[[str], Table]) -> None:
        self._find_table = find_table

    def contract(self, text: str) -> Contract:
        data = yaml.safe_load(text)
        if not isinstance(data, dict):
            raise ValueError("it isn't a mapping")  # noqa: TRY004  (what a document says is a value)
        document = OpenDataContractStandard(**data)
        _refuse_unknown(data, document.model_dump(by_alias=True, exclude_unset=True), "")
        topic = _topic(_words(document.customProperties, {"topic"}, "the contract"))
        return Contract(
            topic=_named(document.id, "the contract has no id"),
            version=_named(document.version, "the contract has no version"),
            key=topic["key"],
            partitions=topic["partitions"],
            retention_days=topic["retentionDays"],
            max_message_bytes=topic["maxMessageBytes"],
            producer=topic["producer"],
            consumers=tuple(topic["consumers"]),
            max_quarantine_percent=float(topic["maxQuarantinePercent"]),
            tables=tuple(self._table(table) for table in document.schema_ or []),
            description=(document.description.purpose or "") if document.description else "",
        )

    def _table(self, schema: SchemaObject) -> Table:
        name = _named(schema.name, "there is a table without a name")
        place = f"table {name}"
        words = _words(schema.customProperties, _TABLE_WORDS, place)
        optional = tuple(_path(path, place) for path in _list(words, "optional", place))
        if "sameAs" in words:
            return self._same_table(schema, words, optional)
        return Table(
            name=name,
            physical_name=str(schema.physicalName),
            write_mode=_write_mode(words, place),
            version=words.get("version"),
            rows_from=tuple(_path(path, place, parse_rows_path) for path in _list(words, "rowsFrom", place)),
            optional=optional,
            columns=tuple(_column(column, place) for column in schema.properties or []),
            description=schema.description or "",
        )

    def _same_table(self, schema: SchemaObject, words: dict[str, Any], optional: tuple[Path, ...]) -> Table:
        place = f"table {schema.name}"
        _refuse(set(words) - {"sameAs", "optional"}, f"{place} is sameAs and also says {{}}")
        try:
            table = self._find_table(str(words["sameAs"]))
        except KeyError as error:
            raise ValueError(f"{place} is sameAs {words['sameAs']}, which isn't there") from error
        names = (schema.name, schema.physicalName or table.physical_name)
        if names != (table.name, table.physical_name) or schema.properties:
            raise ValueError(f"{place} is sameAs {words['sameAs']}: same names, and no properties of its own")
        return replace(table, optional=optional) if optional else table


def _write_mode(words: dict[str, Any], place: str) -> WriteMode:
    if "writeMode" not in words:
        raise ValueError(f"{place} has no writeMode")
    mode: WriteMode = words["writeMode"]
    if mode not in get_args(WriteMode):
        raise ValueError(f"{place} has writeMode {mode!r}, which is none of {', '.join(get_args(WriteMode))}")
    return mode


def _topic(words: dict[str, Any]) -> dict[str, Any]:
    if "topic" not in words:
        raise ValueError("it has no customProperty topic")
    topic = words["topic"]
    if not isinstance(topic, dict):
        raise ValueError("topic is no mapping")  # noqa: TRY004  (what a document says is a value)
    _refuse(set(topic) - set(_TOPIC_WORDS), "topic has unknown words {}")
    for word, fits in _TOPIC_WORDS.items():
        if word not in topic:
            raise ValueError(f"topic has no {word}")
        if not fits(topic[word]):
            raise ValueError(f"topic has {word} {topic[word]!r}, which it can't be")
    return topic


def _column(column: SchemaProperty, table: str) -> Column:
    place = f"{table}, column {_named(column.name, f'{table} has a column without a name')}"
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
        paths=tuple(_path(path, place) for path in column.transformSourceObjects),
        required=bool(column.required),
        key_position=_key_position(column, place),
        transform=column.transformLogic,
        limits=_limits(column, place),
        reference=_reference(column, place),
        description=column.description or "",
    )


def _key_position(column: SchemaProperty, place: str) -> int | None:
    if column.primaryKey and column.primaryKeyPosition is None:
        raise ValueError(f"{place} has primaryKey without primaryKeyPosition")
    if column.primaryKeyPosition is not None and not column.primaryKey:
        raise ValueError(f"{place} has primaryKeyPosition without primaryKey")
    return column.primaryKeyPosition


def _limits(column: SchemaProperty, place: str) -> Limits:
    options = dict(column.logicalTypeOptions or {})
    understood = _LIMITS_OF_TYPE.get(str(column.logicalType), set())
    _refuse(set(options) - understood, f"{place} has logicalTypeOptions {{}}, which aren't understood here")
    if column.enum and column.logicalType != "string":
        raise ValueError(f"{place} has an enum, which only text has")
    for word, value in options.items():
        if word != "pattern" and type(value) not in (int, float):
            raise ValueError(f"{place} has {word} {value!r}, which is no number")
    _check_pattern(options.get("pattern"), place)
    enum = tuple(str(allowed.value) for allowed in column.enum or [])
    return Limits(**{_LIMITS[word]: value for word, value in options.items()}, enum=enum)


def _check_pattern(pattern: Any, place: str) -> None:
    try:
        re.compile(pattern or "")
    except (re.error, TypeError) as error:
        raise ValueError(f"{place} has a pattern that isn't one: {error}") from error


def _reference(column: SchemaProperty, place: str) -> Reference | None:
    if not column.relationships:
        return None
    if len(column.relationships) > 1:
        raise ValueError(f"{place} has several relationships")
    (relationship,) = column.relationships
    words = _words(relationship.customProperties, {"parentStub"}, place)
    table, _, parent = str(relationship.to).partition(".")
    return Reference(table=table, column=parent, stub=bool(words.get("parentStub", False)))


def _path(text: str, place: str, parse: Callable[[str], Path] = parse_path) -> Path:
    try:
        return parse(text)
    except PathRefused as error:
        raise ValueError(f"{place}: {error}") from error


def _list(words: dict[str, Any], word: str, place: str) -> list[str]:
    found = words.get(word, [])
    if not _is_list_of_text(found):
        raise ValueError(f"{place}: {word} must be a list of paths")
    return list(found)


def _named(name: str | None, refusal: str) -> str:
    if not name:
        raise ValueError(refusal)
    return name


def _words(properties: list[Any] | None, allowed: set[str], place: str) -> dict[str, Any]:
    words = {str(word.property): word.value for word in properties or []}
    _refuse(set(words) - allowed, f"{place} has customProperties {{}}, which aren't understood")
    return words


def _refuse(unknown: set[str], sentence: str) -> None:
    if unknown:
        raise ValueError(sentence.format(", ".join(sorted(str(word) for word in unknown))))


def _refuse_unknown(given: Any, understood: Any, place: str) -> None:
    """Fields that the document has and the standard's model doesn't know."""
    if isinstance(given, dict) and isinstance(understood, dict):
        _refuse(set(given) - set(understood), f"unknown field {place}{{}}")
        for field, value in given.items():
            _refuse_unknown(value, understood[field], f"{place}{field}.")
    elif isinstance(given, list) and isinstance(understood, list):
        for number, (value, known) in enumerate(zip(given, understood, strict=True)):
            _refuse_unknown(value, known, f"{place}{number}.")
