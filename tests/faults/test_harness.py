"""The harness itself: orders are obeyed in other processes, the proxy does as it is told, the oracle can tell."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.faults.breaking import BREAKS, fits
from tests.faults.fold import VIDEO, Produced, fold
from tests.faults.messages import Told, encode
from tests.faults.orders import ARMED, FOLDER, Faults, Order
from tests.faults.proxy import Proxy, Trouble
from tests.faults.results import Result, append_result, read_results, to_lines

if TYPE_CHECKING:
    from tests.faults.scene import WarmScene


_PASSES = """
import sys
from spark_jobs.fault_points import reach
for point in sys.argv[1:]:
    reach(point, 1)
    print(point, flush=True)
"""


def start(faults: Faults, *points: str) -> subprocess.Popen[str]:
    """An armed process that passes these points and says so."""
    environ = os.environ | {FOLDER: str(faults.folder), "PYTHONPATH": str(ARMED)}
    return subprocess.Popen([sys.executable, "-c", _PASSES, *points], env=environ, stdout=subprocess.PIPE, text=True)


def test_every_promise_can_still_be_broken() -> None:
    """What breaks the load on purpose finds the code that it changes."""
    tree = Path(__file__).parents[2]
    assert [broken.name for broken in BREAKS if not fits(broken, tree)] == []


def test_a_process_is_killed_at_the_visit_that_was_ordered(tmp_path: Path) -> None:
    """Visits are counted over processes; other points and partitions are passed."""
    faults = Faults(tmp_path)
    faults.give(Order("after_copy", "kill", (3,)), Order("in_merge", "kill", (1,), partition=0))
    first = start(faults, "after_copy", "in_merge", "after_copy")
    assert (first.communicate(timeout=60)[0].split(), first.returncode) == (["after_copy", "in_merge", "after_copy"], 0)
    second = start(faults, "after_plan", "after_copy", "after_plan")
    assert (second.communicate(timeout=60)[0].split(), second.returncode) == (["after_plan"], -signal.SIGKILL)
    assert [(note.point, note.pid) for note in faults.notes()] == [("after_copy", second.pid)]
    with pytest.raises(AssertionError, match="carried out"):
        faults.check_carried_out()


def test_a_process_is_held_until_orders_are_withdrawn(tmp_path: Path) -> None:
    """And goes on from where it was."""
    faults = Faults(tmp_path)
    faults.give(Order("after_copy", "hold"))
    process = start(faults, "after_copy")
    assert faults.wait(alive=lambda: process.poll() is None).pid == process.pid
    time.sleep(0.2)
    assert process.poll() is None
    faults.withdraw()
    assert process.communicate(timeout=60)[0].split() == ["after_copy"]
    faults.check_carried_out()


def test_the_proxy_cuts_where_it_is_told() -> None:
    """After so many bytes, or before an answer; nothing of either passes, and others pass again once it is healed."""
    with socket.create_server(("127.0.0.1", 0)) as server, Proxy(server.getsockname()[1]) as proxy:
        proxy.make(Trouble(cut_up=5, times=1))
        client, peer = _connect(proxy, server)
        client.sendall(b"0123456789")
        assert peer.recv(100) == b"01234"
        with pytest.raises(ConnectionResetError):
            client.recv(100)
        proxy.make(Trouble(cut_before=b"COMMIT\0"))
        client, peer = _connect(proxy, server)
        peer.sendall(b"C\0\0COMMIT\0")
        with pytest.raises(ConnectionResetError):
            client.recv(100)
        assert proxy.befallen == 1
        proxy.heal()
        client, peer = _connect(proxy, server)
        peer.sendall(b"C\0\0COMMIT\0")
        assert client.recv(100) == b"C\0\0COMMIT\0"


def _connect(proxy: Proxy, server: socket.socket) -> tuple[socket.socket, socket.socket]:
    client = socket.create_connection(("127.0.0.1", proxy.port), timeout=20)
    peer, _ = server.accept()
    peer.settimeout(20)
    return client, peer


def test_the_fold_by_hand() -> None:
    """The newest record, an entry, its reading, and a stub for a video that is only named."""
    envelope = {"source": "youtube_api", "region_code": "FR", "category_id": "0", "rank": 1, "size": 2}
    full = {"id": "a" * 11, "snippet": {"title": "new"}, "statistics": {"viewCount": "7"}}
    older = envelope | {"captured_at": "2026-01-01T00:00:00Z", "item": full | {"snippet": {"title": "old"}}}
    newer = envelope | {"captured_at": "2026-01-01T01:00:00+01:00", "item": {"id": "b" * 11}}
    newest = envelope | {"captured_at": "2026-01-01T00:00:01Z", "item": full}
    log = [Produced(0, offset, None, encode(message)) for offset, message in enumerate([newest, older, newer])]

    tables = fold([*log, Produced(0, 3, None, b"{", "not_json")]).tables

    titles = {key: row.values[list(VIDEO).index("title")] for key, row in tables["processed.video"].items()}
    assert titles == {("a" * 11,): "new", ("b" * 11,): None}
    start_of_year = 1_767_225_600_000_000
    assert {key: row.values[4:6] for key, row in tables["processed.chart_entry"].items()} == {
        ("FR", "0", start_of_year + 1_000_000, "a" * 11): (1, 7),
        ("FR", "0", start_of_year, "a" * 11): (1, 7),
        ("FR", "0", start_of_year, "b" * 11): (1, None),
    }
    assert {key: row.places for key, row in tables["processed.chart_reading"].items()} == {
        ("FR", "0", start_of_year): {(0, 1), (0, 2)},
        ("FR", "0", start_of_year + 1_000_000): {(0, 0)},
    }


def test_results_are_read_back_but_for_a_line_that_was_cut(tmp_path: Path) -> None:
    """And each case is one line, however often it ran."""
    path = tmp_path / "results.jsonl"
    results = [Result("4", "a case", seed, seed < 2, 0, seed // 2, 1.0 + seed, None, "code") for seed in range(3)]
    for result in results:
        append_result(path, result)
    with path.open("a") as file:
        file.write('{"case": "4", "na')
    assert read_results(path) == results
    assert [line.split() for line in to_lines(results)[1:]] == [["4", "a", "case", "3", "1", "0", "1", "2.0", "-"]]


DAMAGES = {
    "a row is gone": "delete from processed.chart_entry where ctid in (select ctid from processed.chart_entry limit 1)",
    "a row is another": "update processed.video set title = 'changed' where title is not null",
    "a row comes from nothing": "insert into processed.video (video_id) values ('nobodysaid_')",
    "a row points elsewhere": "update processed.chart_reading set source_offset = source_offset + 100000",
    "a dead letter is gone": "delete from pipeline.dead_letter where reason = 'tombstone'",
    "a dead letter's bytes are others": "update pipeline.dead_letter set message_value = 'x' || message_value",
    "a position went on": "update pipeline.position set next_offset = next_offset + 1",
    "a message is in no range": (
        "update pipeline.batch_range set from_offset = from_offset + 1, skipped = skipped - 1 "
        "where until_offset > from_offset + 1"
    ),
    "offsets are in two ranges": "update pipeline.batch_range set from_offset = from_offset - 1, skipped = skipped + 1",
}


@pytest.mark.case("oracle", once=True)
def test_the_oracle_sees_each_damage(scene: WarmScene) -> None:
    """After a load in which nothing went wrong, each of these is found."""
    scene.tell(200)
    scene.publish([Told(None, "tombstone")])
    scene.load(max_messages=90)
    scene.judge()
    for damage, statement in DAMAGES.items():
        with pytest.raises(AssertionError, match=r"\d+ lost, \d+ doubled"):
            _judge_damaged(scene, damage, statement)
    scene.judge()


def _judge_damaged(scene: WarmScene, damage: str, statement: str) -> None:
    """Judge a copy of the database that was damaged."""
    server, _, name = scene.dsn.rpartition("/")
    copy = f"{name}_damaged"
    scene.administer(f"create database {copy} template {name}")
    kept, scene.dsn = scene.dsn, f"{server}/{copy}"
    try:
        scene.query(statement)
        scene.judge()
    except AssertionError as found:
        raise AssertionError(f"{damage}: {found}") from found
    finally:
        scene.dsn = kept
        scene.administer(f"drop database {copy} with (force)")
