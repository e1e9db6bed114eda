"""Old files of charts with their dirt: every row is loaded, or rejected with a reason."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from tests.kafka.reading import end_offsets
from tests.real.spool import read_records
from tests.real.warehouse import TOPIC

if TYPE_CHECKING:
    from pathlib import Path

    from tests.real.conftest import Amount, Figures
    from tests.real.warehouse import Servers, Warehouse

_NOTHING_PUBLISHED = 65


@dataclass(frozen=True, slots=True)
class Imported:
    """One file, the report of its import, and which offsets it got by partition, from and until."""

    path: Path
    report: dict[str, Any]
    offsets: dict[int, tuple[int, int]]
    rejects: list[dict[str, Any]]

    def holds(self, partition: int, offset: int) -> bool:
        """Whether the message at this place is of this file."""
        from_offset, until_offset = self.offsets[partition]
        return from_offset <= offset < until_offset


@pytest.fixture(scope="module")
def warehouse(servers: Servers) -> Warehouse:
    """An empty warehouse over an empty topic."""
    servers.recreate_topic(4)
    return servers.make_warehouse("legacy", with_lake=False)


def test_rows_in_are_rows_loaded_and_rows_rejected(
    warehouse: Warehouse, data: Path, amount: Amount, figures: Figures
) -> None:
    """A file's rows, as csv counts them, all have an entry in the tables, a dead letter, or a line of rejects."""
    paths = sorted((data / "youtube_legacy_csv").glob("*/*.csv"), key=lambda path: path.stat().st_size)
    imported = [_import(warehouse, path) for path in paths[: amount.legacy_files]]
    # Of some files the contract refuses every row: that is what is counted here, not a fault to stop at.
    batches = warehouse.load("--max-quarantine-percent", "100")
    loaded, quarantined = _outcomes(warehouse, imported)
    assert sum(batch["messages"]["read"] for batch in batches) == sum(loaded.values()) + sum(quarantined.values())
    for file in imported:
        rejected = len(file.rejects)
        assert all(line["reason"] for line in file.rejects)
        assert _count_rows(file.path) == loaded[file.path] + quarantined[file.path] + rejected
        figures.tell(
            f"legacy {file.path.parent.name}/{file.path.name}",
            f"{_count_rows(file.path):,} rows in, {loaded[file.path]:,} loaded, "
            f"{quarantined[file.path]:,} quarantined, {rejected:,} rejected",
            reasons=file.report["reasons"],
        )


def _import(warehouse: Warehouse, path: Path) -> Imported:
    servers = warehouse.servers
    before = end_offsets(servers.bootstrap_servers, TOPIC)
    rejects = servers.folder / f"{path.parent.name}-{path.name}.rejects.jsonl"
    # Of the oldest layout the day has no year; the others have theirs and keep it.
    report = warehouse.run(
        "ingest", "file", str(path), "--year", "2017", "--reject-file", str(rejects), "--json",
        codes=(0, _NOTHING_PUBLISHED),
    )  # fmt: skip
    after = end_offsets(servers.bootstrap_servers, TOPIC)
    lines = rejects.read_bytes().splitlines() if rejects.exists() else []
    offsets = {partition: (before[partition], after[partition]) for partition in after}
    return Imported(path, report["files"][0], offsets, [orjson.loads(line) for line in lines])


def _outcomes(warehouse: Warehouse, imported: list[Imported]) -> tuple[dict[Path, int], dict[Path, int]]:
    """By file, how many messages have their entry in the tables, and how many are dead letters; no message is both."""
    keys = set(warehouse.query("select region_code, captured_at, video_id from processed.chart_entry"))
    letters = set(warehouse.query("select partition, \"offset\" from pipeline.dead_letter where reason <> ''"))
    loaded = {file.path: 0 for file in imported}
    quarantined = dict(loaded)
    for record in read_records(warehouse.servers):
        (path,) = (file.path for file in imported if file.holds(record.partition, record.offset))
        if (record.partition, record.offset) in letters:
            quarantined[path] += 1
        else:
            assert _key(orjson.loads(record.value)) in keys
            loaded[path] += 1
    return loaded, quarantined


def _key(message: dict[str, Any]) -> tuple[Any, ...]:
    return message["region_code"], datetime.fromisoformat(message["captured_at"]), message["item"]["id"]


def _count_rows(path: Path) -> int:
    """Records of the file but its header."""
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        return sum(1 for record in csv.reader(file) if record) - 1
