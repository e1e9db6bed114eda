"""A load that is killed at any moment and run again leaves the tables that an undisturbed one leaves."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import orjson
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.files.entries import Given
from ingest.files.importing import Import
from ingest.files.rejects import Rejects
from tests.real.dumps import count_rows, differences
from tests.real.killing import MOMENTS, Moment, bronze_folder, kill_load
from tests.real.made_up import disagree
from tests.real.spool import Spool

if TYPE_CHECKING:
    from pathlib import Path

    from tests.real.conftest import Amount, Figures
    from tests.real.warehouse import Servers, Warehouse

_SEED = 20_261_121
_TEMPLATE = "killed_template"


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """What a load that nobody kills leaves of the topic's messages."""

    dump: dict[str, Path]
    messages: int
    options: tuple[str, ...]


@pytest.fixture(scope="module")
def undisturbed(servers: Servers, data: Path, amount: Amount, figures: Figures) -> Undisturbed:
    """The topic filled with some countries' charts, delivered twice in part, and loaded once in peace."""
    servers.recreate_topic(4)
    servers.make_warehouse(_TEMPLATE)
    _fill(servers, data, amount.killed_messages)
    warehouse = servers.make_warehouse("undisturbed", template=_TEMPLATE)
    options = ("--max-messages", str(amount.killed_batch))
    started = time.perf_counter()
    batches = warehouse.load(*options)
    seconds = time.perf_counter() - started
    read = sum(batch["messages"]["read"] for batch in batches)
    assert read == amount.killed_messages
    dump = warehouse.dump()
    figures.tell(
        "undisturbed",
        f"{read:,} messages in {len(batches)} batches and {seconds:.0f} s, Spark's start included",
        rows=count_rows(dump),
    )
    return Undisturbed(dump, read, options)


@pytest.mark.parametrize("moment", MOMENTS, ids=[moment.name for moment in MOMENTS])
def test_a_killed_load_run_again(
    moment: Moment, servers: Servers, undisturbed: Undisturbed, amount: Amount, figures: Figures
) -> None:
    """Driver, JVM and Python workers die at this moment; the next load ends with the tables of an undisturbed one."""
    if moment not in MOMENTS[: amount.kills]:
        pytest.skip("left out of the cut")
    _check(servers, undisturbed, moment, "all", figures)


@pytest.mark.parametrize("victims", ["driver", "java"])
def test_half_a_load_killed_and_run_again(
    victims: str, servers: Servers, undisturbed: Undisturbed, amount: Amount, figures: Figures
) -> None:
    """One process dies amid a merge and the others find out themselves: none works on, and tables are the same."""
    if amount.kills is not None:
        pytest.skip("left out of the cut")
    _check(servers, undisturbed, MOMENTS[0], victims, figures)


def _check(servers: Servers, undisturbed: Undisturbed, moment: Moment, victims: str, figures: Figures) -> None:
    warehouse = servers.make_warehouse("killed", template=_TEMPLATE)
    try:
        code, orphans = kill_load(warehouse, undisturbed.options, moment, victims)
        ((then, ranges),) = warehouse.query(
            "select coalesce(sum(read), 0), count(committed_at) from pipeline.batch_range"
        )
        assert code != 0
        batches = warehouse.load(*undisturbed.options)
        _, alive = psutil.wait_procs(orphans, timeout=60)
        assert alive == []
        assert differences(undisturbed.dump, warehouse.dump()) == []
        _check_ledger(warehouse, undisturbed.messages)
        bronze = _read_bronze(bronze_folder(warehouse))
        assert bronze.num_rows == undisturbed.messages
        assert bronze.group_by(["partition", "offset"]).aggregate([]).num_rows == undisturbed.messages
    finally:
        warehouse.drop()
        warehouse.remove_lake()
    figures.tell(
        f"killed ({victims}) when {moment.name}",
        f"it ended with {code}; {then:,} messages in {ranges} ranges were committed by then; run again, "
        f"{sum(batch['messages']['read'] for batch in batches):,} in {len(batches)} batches: the same tables",
    )


def _check_ledger(warehouse: Warehouse, messages: int) -> None:
    """Every batch is committed, each message counted once, and every position stands at its partition's end."""
    assert warehouse.query("select count(*) from pipeline.batch where state <> 'committed'") == [(0,)]
    assert warehouse.query("select sum(read), sum(accepted + quarantined) from pipeline.batch_range") == [
        (messages, messages)
    ]
    assert warehouse.query("select sum(next_offset) from pipeline.position") == [(messages,)]


def _read_bronze(folder: Path) -> pa.Table:
    """Partition and offset of all rows that bronze holds, by its log: files of a killed write are in none."""
    actions = [
        orjson.loads(line) for log in (folder / "_delta_log").glob("*.json") for line in log.read_bytes().splitlines()
    ]
    assert not any("remove" in action for action in actions)
    paths = [action["add"]["path"] for action in actions if "add" in action]
    return pa.concat_tables([pq.read_table(folder / path, columns=["partition", "offset"]) for path in paths])


def _fill(servers: Servers, data: Path, messages: int) -> None:
    """Publish so many messages: real ones, and one in fifty that repeats or contradicts another, or is broken."""
    spool = Spool(servers.folder / "spool_killed")
    paths = sorted((data / "youtube_charts").glob("*.csv.xz"))
    rejects = Rejects(None, lambda _: None)
    real = islice(Import(paths, Given(), rejects).messages(), messages * 49 // 50)
    for message in real:
        spool.add(message.key, message.value or b"")
    chosen = list(spool.read(random.Random(_SEED).sample(range(len(spool)), messages // 100)))  # noqa: S311  (no secret)
    for message in chosen:
        spool.add(message.key, message.value or b"")
    made_up = disagree((message.key or b"", message.value or b"") for message in chosen)
    for key, value in islice(made_up, messages - len(spool)):
        spool.add(key, value)
    assert spool.publish(servers, range(len(spool))) == messages
