"""The daily charts of all countries, from their files to the tables, and again in another order."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.builders import read_versions
from tests.real.daily_charts import Country, cut, fold
from tests.real.dumps import count_rows, differences, digests
from tests.real.made_up import disagree
from tests.real.spool import Spool, read_records
from tests.real.warehouse import TOPIC
from trendscript.contracts import load_contract

if TYPE_CHECKING:
    from pathlib import Path

    from tests.real.conftest import Amount, Figures
    from tests.real.warehouse import Servers, Warehouse

_SEED = 20_261_121
_OTHER_PARTITIONS = 7


@pytest.fixture(scope="module")
def files(data: Path, amount: Amount, servers: Servers) -> list[Path]:
    """The countries' files, or the beginnings of some."""
    found = sorted((data / "youtube_charts").glob("*.csv.xz"))[: amount.countries]
    if amount.rows_a_country is None:
        return found
    return [cut(path, servers.folder, amount.rows_a_country) for path in found]


@pytest.fixture(scope="module")
def countries(files: list[Path]) -> dict[str, Country]:
    """What the files say, by country."""
    return {country.code: country for country in map(fold, files)}


@pytest.fixture(scope="module")
def warehouse(servers: Servers, files: list[Path], amount: Amount, figures: Figures) -> Warehouse:
    """A warehouse that all files were imported and loaded into."""
    servers.recreate_topic(4)
    made = servers.make_warehouse("daily", with_lake=amount.with_lake)
    for (table,) in made.query("select tablename from pg_tables where schemaname = 'processed'"):
        made.query(
            f"alter table processed.{table} set (autovacuum_enabled = false)"
        )  # vacuum would tidy dead rows away
    started = time.perf_counter()
    _publish(made, files)
    published = time.perf_counter()
    made.load()
    spent = {"ingest": round(published - started, 1), "load": round(time.perf_counter() - published, 1)}
    figures.tell("files_seconds", f"ingest {spent['ingest']} s, load {spent['load']} s", **spent)
    return made


@pytest.fixture(scope="module")
def spool(warehouse: Warehouse, countries: dict[str, Country], amount: Amount) -> Spool:
    """The messages of one import, and made-up ones behind them that contradict some."""
    spool = Spool(warehouse.servers.folder / "spool")
    for record in read_records(warehouse.servers):
        spool.add(record.key, record.value)
    assert len(spool) == sum(country.entries for country in countries.values())
    chosen = random.Random(_SEED).sample(range(len(spool)), amount.disagreements)  # noqa: S311  (no secret)
    contradicted = [(message.key or b"", message.value or b"") for message in spool.read(chosen)]
    for key, value in disagree(contradicted):
        spool.add(key, value)
    return spool


def test_every_row_is_published_or_is_a_repeat(
    warehouse: Warehouse, countries: dict[str, Country], figures: Figures
) -> None:
    """A country has as many entries, videos and readings, from first to last, as a fold of its file says."""
    found = warehouse.query(
        """
        select e.region_code, count(*), count(distinct e.video_id), min(e.captured_at), max(e.captured_at),
            (select count(*) from processed.chart_reading as r where r.region_code = e.region_code),
            (select sum(size) from processed.chart_reading as r where r.region_code = e.region_code)
        from processed.chart_entry as e group by 1
        """
    )
    said = {
        code: (
            country.entries, len(country.latest), min(country.readings), max(country.readings),
            len(country.readings), country.entries,
        )
        for code, country in countries.items()
    }  # fmt: skip
    assert {code: tuple(rest) for code, *rest in found} == said
    figures.tell(
        "countries",
        f"{len(said)} countries, {sum(c.rows for c in countries.values()):,} rows in the files, "
        f"{sum(c.entries for c in countries.values()):,} entries, "
        f"{sum(c.repeated for c in countries.values()):,} repeats rejected",
        countries={
            code: {"entries": numbers[0], "videos": numbers[1], "first": numbers[2], "last": numbers[3]}
            for code, numbers in said.items()
        },
    )


def test_latest_views_of_every_video(warehouse: Warehouse, countries: dict[str, Country], figures: Figures) -> None:
    """In each country, the views of every video at its last reading are the file's; a 0 there is NULL here."""
    found = warehouse.query(
        """
        select distinct on (region_code, video_id) region_code, video_id, captured_at, view_count
        from processed.chart_entry order by region_code, video_id, captured_at desc
        """
    )
    said = {
        (code, video): (at, views)
        for code, country in countries.items()
        for video, (at, views, _) in country.latest.items()
    }
    assert {(code, video): (at, views) for code, video, at, views in found} == said
    figures.tell("latest_views", f"{len(said):,} pairs of country and video agree", pairs=len(said))


def test_newest_title_of_every_video(warehouse: Warehouse, countries: dict[str, Country], figures: Figures) -> None:
    """A video's row is that of its last reading in any country."""
    newest: dict[str, Any] = {}
    for country in countries.values():
        for video, (at, _, title) in country.latest.items():
            if video not in newest or newest[video][0] < at:
                newest[video] = (at, title)
    found = warehouse.query("select video_id, captured_at, title from processed.video")
    assert {video: (at, title) for video, at, title in found} == newest
    figures.tell("videos", f"{len(newest):,} videos have the title of their last reading", videos=len(newest))


def test_a_replay_writes_no_tuple(warehouse: Warehouse, countries: dict[str, Country], figures: Figures) -> None:
    """All of Kafka's messages read and merged once more: no row is written, and none leaves its place."""
    contract = load_contract("youtube_trending")
    before = _activity(warehouse), read_versions(warehouse.dsn, contract)
    (topic,) = warehouse.run("replay", TOPIC, "--from", "0", "--json")["topics"]
    read = sum(batch["messages"]["read"] for batch in topic["batches"])
    assert read == sum(country.entries for country in countries.values())
    assert (_activity(warehouse), read_versions(warehouse.dsn, contract)) == before
    figures.tell("replay", f"{read:,} messages replayed: 0 tuples written")


@pytest.mark.usefixtures("spool")  # to be filled while the topic holds each message once
def test_loading_again_changes_nothing(
    warehouse: Warehouse, files: list[Path], countries: dict[str, Country], figures: Figures
) -> None:
    """The same files published once more: no row is inserted, updated or deleted, and no dead row is left behind."""
    before = _activity(warehouse)
    _publish(warehouse, files)
    batches = warehouse.load()
    read = sum(batch["messages"]["read"] for batch in batches)
    assert read == sum(country.entries for country in countries.values())
    assert sum(batch["messages"]["quarantined"] for batch in batches) == 0
    changed = {
        name: counts["inserted"] + counts["updated"] + counts.get("stubs", 0) + counts.get("deleted", 0)
        for batch in batches
        for name, counts in batch["tables"].items()
    }
    assert set(changed.values()) == {0}
    assert _activity(warehouse) == before
    dead = {table: counts[-1] for table, counts in before.items()}
    figures.tell("again", f"{read:,} messages loaded again: 0 inserted, 0 updated, 0 quarantined; dead rows {dead}")


def test_order_partitions_and_batches_do_not_matter(
    warehouse: Warehouse, spool: Spool, countries: dict[str, Country], amount: Amount, figures: Figures
) -> None:
    """Shuffled, over seven partitions and in odd batches, the same messages make the same tables, column by column."""
    servers = warehouse.servers
    real = sum(country.entries for country in countries.values())
    spool.publish(servers, range(real, len(spool)))
    warehouse.load()
    first = warehouse.dump()
    order = list(range(len(spool)))
    random.Random(_SEED).shuffle(order)  # noqa: S311  (no secret)
    servers.recreate_topic(_OTHER_PARTITIONS)
    other = servers.make_warehouse("shuffled", with_lake=amount.with_lake)
    spool.publish(servers, order)
    batches = other.load("--max-messages", str(amount.batch))
    assert sum(batch["messages"]["read"] for batch in batches) == len(spool)
    assert differences(first, other.dump()) == []
    figures.tell(
        "shuffled",
        f"{len(spool):,} messages, {len(spool) - real:,} of them made up to disagree, in {len(batches)} batches over "
        f"{_OTHER_PARTITIONS} partitions: the same tables",
        rows=count_rows(first),
        sha256=digests(first),
    )


def _activity(warehouse: Warehouse) -> dict[str, tuple[int, ...]]:
    """By table, rows ever inserted, updated and deleted, and those that are dead, once the counts have come to rest."""
    before: dict[str, tuple[int, ...]] = {}
    while True:
        rows = warehouse.query(
            "select relname, n_tup_ins, n_tup_upd, n_tup_del, n_dead_tup from pg_stat_user_tables "
            "where schemaname = 'processed'"
        )
        now = {table: tuple(counts) for table, *counts in rows}
        if now == before:
            return now
        before = now
        time.sleep(2)  # a server process reports what it did within a second, or when it ends


def _publish(warehouse: Warehouse, files: list[Path]) -> Any:
    return warehouse.run("ingest", "file", *map(str, files), "--json")
