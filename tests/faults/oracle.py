"""The oracle: what was produced and the database a load left go in; what is lost, and what is doubled, come out."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
import psycopg2
import pyarrow as pa
import pyarrow.parquet as pq

from tests.faults.fold import KEYS, TABLES, fold

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from tests.faults.fold import Place, Produced, Standing

_TIMES = ("captured_at", "_start_at", "_end_at", "published_at", "recording_date")
_SHOWN = 5


@dataclass
class Findings:
    """Each a sentence: messages or rows that are not where they must be, and those that are there once too often."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)

    def compare(self, what: str, expected: Mapping[Any, Any], found: Mapping[Any, Any]) -> None:
        """What is expected and not found, or other than expected, is lost; what nobody expects is doubled."""
        for key, value in expected.items():
            if key not in found:
                self.lost.append(f"{what} {key} is missing")
            elif found[key] != value:
                self.lost.append(f"{what} {key} is {found[key]!r}, not {value!r}"[:1000])
        self.doubled += [f"{what} {key} comes from nothing" for key in found.keys() - expected.keys()]

    def count(self, what: str, expected: int, found: int) -> None:
        """Too few are lost, too many are doubled."""
        into = self.lost if found < expected else self.doubled
        into += [f"{what}: {found}, not {expected}"] * abs(found - expected)

    def check(self) -> None:
        """Nothing may be lost, nothing doubled."""
        shown = [*self.lost[:_SHOWN], *self.doubled[:_SHOWN]]
        assert not shown, f"{len(self.lost)} lost, {len(self.doubled)} doubled: {'; '.join(shown)}"


@dataclass(frozen=True, slots=True)
class Account:
    """What a topic was given. `ends` are the offsets up to which each partition must be loaded.

    `begins` are those before which nothing had to be: 0 unless Kafka had forgotten the beginning at the first load.
    `gaps` are offsets that an operator gave up.
    """

    topic_id: str
    messages: Sequence[Produced]
    ends: Mapping[int, int]
    begins: Mapping[int, int] = field(default_factory=dict)
    gaps: frozenset[Place] = frozenset()

    def due(self) -> list[Produced]:
        """The messages that must be accounted for."""
        return [
            message
            for message in self.messages
            if message.visible
            and self.begins.get(message.partition, 0) <= message.offset < self.ends.get(message.partition, 0)
            and message.place not in self.gaps
        ]


def examine(dsn: str, accounts: Iterable[Account], bronze: Path | None, *, settled: bool = True) -> Findings:
    """Hold a database, and bronze where there is one, against all that went in; `settled`, no batch is under way."""
    findings = Findings()
    accounts = list(accounts)
    with closing(psycopg2.connect(dsn, options="-c timezone=UTC")) as connection:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        reader = _Reader(connection)
        _examine_tables(findings, reader, [message for account in accounts for message in account.due()])
        _examine_counts(findings, reader)
        if settled:
            _examine_batches(findings, reader)
        for account in accounts:
            _examine_letters(findings, reader, account)
            _examine_ledger(findings, reader, account)
        letters = reader.rows("select topic_id from pipeline.dead_letter")
        known = {account.topic_id for account in accounts}
        findings.doubled += [f"a dead letter of topic {found}" for (found,) in letters if found not in known]
    if bronze is not None:
        for account in accounts:
            _examine_bronze(findings, account, bronze)
    return findings


class _Reader:
    """Rows of one snapshot."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, values)
            return [tuple(map(_plain, row)) for row in cursor.fetchall()]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return bytes(value) if isinstance(value, memoryview) else value


def _examine_tables(findings: Findings, reader: _Reader, messages: Sequence[Produced]) -> None:
    """Every row as the fold has it, and said by one of the messages it points at."""
    folded = fold(messages)
    for table, expected in folded.tables.items():
        columns = list(TABLES[table])
        selected = ", ".join(_selected(column) for column in columns)
        found: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        places: dict[tuple[Any, ...], Place] = {}
        rows = reader.rows(f"select {selected}, source_partition, source_offset from {table}")  # noqa: S608  (names from here)
        for *values, partition, offset in rows:
            named = dict(zip(columns, values, strict=True))
            key = tuple(named[column] for column in KEYS[table])
            found[key], places[key] = tuple(values), (partition, offset)
        findings.compare(table, {key: standing.values for key, standing in expected.items()}, found)
        _examine_places(findings, table, expected, places)


def _selected(column: str) -> str:
    if column.endswith(_TIMES):
        return f"(extract(epoch from {column}) * 1000000)::bigint"
    return column


def _examine_places(
    findings: Findings, table: str, expected: Mapping[Any, Standing], places: Mapping[Any, Place]
) -> None:
    for key, standing in expected.items():
        if standing.places and key in places and places[key] not in standing.places:
            findings.lost.append(f"{table} {key} points at {places[key]}, which says something else")


def _examine_counts(findings: Findings, reader: _Reader) -> None:
    """What all batches counted as inserted, and as stubs, is what stands there."""
    counts = reader.rows("select tables from pipeline.batch_range where committed_at is not null")
    for table in TABLES:
        ((standing,),) = reader.rows(f"select count(*) from {table}")  # noqa: S608  (names from here)
        counted = sum(
            json.loads(tables).get(table, {}).get(word, 0) for (tables,) in counts for word in ("inserted", "stubs")
        )
        findings.count(f"{table}: rows counted by the ledger", standing, counted)


def _examine_batches(findings: Findings, reader: _Reader) -> None:
    for (batch_id,) in reader.rows("select batch_id from pipeline.batch where state = 'planned'"):
        findings.lost.append(f"batch {batch_id} is still planned")


def _examine_letters(findings: Findings, reader: _Reader, account: Account) -> None:
    """Every refused message, byte for byte, with its reason; and no other."""
    rows = reader.rows(
        'select partition, "offset", reason, message_key, message_value from pipeline.dead_letter '
        "where topic_id = %s and state = 'open'",
        account.topic_id,
    )
    expected = {
        message.place: (message.reason, message.key, message.value)
        for message in account.due()
        if message.reason is not None
    }
    findings.compare("dead letter", expected, {(partition, offset): tuple(rest) for partition, offset, *rest in rows})


def _examine_ledger(findings: Findings, reader: _Reader, account: Account) -> None:
    """Each offset in one committed range of a load, each range counted as it must be, positions at the end."""
    rows = reader.rows("select partition, next_offset from pipeline.position where topic_id = %s", account.topic_id)
    findings.compare("position", dict(account.ends), dict(rows))
    ranges = reader.rows(
        "select r.partition, r.from_offset, r.until_offset, r.read, r.accepted, r.quarantined, r.skipped, r.tables "
        "from pipeline.batch_range as r join pipeline.batch as b using (batch_id) "
        "where b.topic_id = %s and b.kind = 'load' and r.committed_at is not null",
        account.topic_id,
    )
    loaded: Counter[Place] = Counter(
        (partition, offset) for partition, begin, until, *_ in ranges for offset in range(begin, until)
    )
    wanted = {
        (partition, offset)
        for partition, end in account.ends.items()
        for offset in range(account.begins.get(partition, 0), end)
    }
    findings.lost += [f"offset {place} is in no range" for place in wanted - loaded.keys() - account.gaps]
    findings.doubled += [f"offset {place} is in {times} ranges" for place, times in loaded.items() if times > 1]
    findings.doubled += [f"offset {place} was loaded, though given up" for place in loaded.keys() & account.gaps]
    for found in ranges:
        _examine_range(findings, account, found)


def _examine_range(findings: Findings, account: Account, found: tuple[Any, ...]) -> None:
    partition, begin, until, read, accepted, quarantined, skipped, tables = found
    inside = [
        message
        for message in account.messages
        if message.visible and message.partition == partition and begin <= message.offset < until
    ]
    refused = sum(1 for message in inside if message.reason is not None)
    where = f"partition {partition}, {begin} to {until}"
    findings.count(f"{where}: read", len(inside), read)
    findings.count(f"{where}: accepted", len(inside) - refused, accepted)
    findings.count(f"{where}: quarantined", refused, quarantined)
    findings.count(f"{where}: skipped", until - begin - len(inside), skipped)
    rows: Counter[str] = Counter()
    for given in fold(inside).rows.values():
        rows.update(given)
    for table in TABLES:
        findings.count(f"{where}: rows for {table}", rows[table], json.loads(tables).get(table, {}).get("rows", 0))


def _examine_bronze(findings: Findings, account: Account, bronze: Path) -> None:
    """Every message, as it came, once."""
    table = read_bronze(bronze)
    table = table.filter(pa.compute.equal(table.column("topic_id"), account.topic_id))
    rows = table.select(["partition", "offset", "key", "value"]).to_pylist()
    times = Counter((row["partition"], row["offset"]) for row in rows)
    findings.doubled += [f"bronze holds {place} {count} times" for place, count in times.items() if count > 1]
    found = {(row["partition"], row["offset"]): (row["key"], row["value"]) for row in rows}
    findings.compare("bronze", {message.place: (message.key, message.value) for message in account.due()}, found)


def read_bronze(folder: Path) -> pa.Table:
    """All rows that bronze holds, by its log: files of a killed write are in none of it."""
    actions = [
        orjson.loads(line)
        for log in sorted((folder / "_delta_log").glob("*.json"))
        for line in log.read_bytes().splitlines()
    ]
    removed = {action["remove"]["path"] for action in actions if "remove" in action}
    paths = [action["add"]["path"] for action in actions if "add" in action]
    return pa.concat_tables([pq.read_table(folder / path) for path in paths if path not in removed])
