"""PostgreSQL is killed, restarted, or runs out of disk in the middle of a range's transaction."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg2
import pytest

from tests.faults.orders import Order
from tests.faults.servers import OwnPostgres
from tests.spark_jobs.quarantined import as_writer
from trendscript.local.accounts import server_account

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.scene import WarmScene


@pytest.fixture(scope="module")
def postgres() -> Iterator[OwnPostgres]:
    """A PostgreSQL that keeps what it says it has kept: with fsync."""
    home = Path(tempfile.mkdtemp(prefix="trendscript-faults-"))
    home.chmod(0o711)
    found = OwnPostgres(home)
    yield found
    found.stop()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def doomed(scene: WarmScene, postgres: OwnPostgres) -> Iterator[WarmScene]:
    """The scene with its database in the PostgreSQL that is to be killed."""
    name = f"doomed_{time.time_ns()}"
    dsn = postgres.make_database(name)
    yield replace(scene, dsn=dsn, job=replace(scene.job, dsn=as_writer(dsn)))
    postgres.wait_until_up()
    postgres.drop_database(name)


def _strike(scene: WarmScene, postgres: OwnPostgres, point: str) -> None:
    """Kill the server, or one of its processes, while a range is held at a point; then it comes back."""
    if scene.chance.random() < 0.5:
        scene.tell(60)
        scene.load()
    scene.tell(150)
    scene.order(Order(point, "hold", (scene.chance.randint(1, 3),)))
    with scene.loading() as running:
        scene.faults.wait(alive=lambda: not running.done())
        if scene.chance.random() < 0.6:
            postgres.kill()
            scene.faults.withdraw()
            time.sleep(scene.chance.choice([0.0, 0.5]))
            postgres.start()
        else:
            postgres.kill_a_backend()
    postgres.wait_until_up()
    scene.recover()
    scene.judge()


@pytest.mark.case("9")
def test_postgres_dies_between_copy_and_merge(doomed: WarmScene, postgres: OwnPostgres) -> None:
    """What was staged is gone with the server's memory: it is staged again, and no position moved without it."""
    _strike(doomed, postgres, "after_copy")


@pytest.mark.case("10")
def test_postgres_dies_while_rows_are_copied(doomed: WarmScene, postgres: OwnPostgres) -> None:
    """The range fails cleanly and is loaded again."""
    _strike(doomed, postgres, "in_copy")


@pytest.mark.case("4, 9")
def test_postgres_dies_before_a_commit(doomed: WarmScene, postgres: OwnPostgres) -> None:
    """All statements have run; recovery brings back none of them."""
    _strike(doomed, postgres, "before_commit")


@pytest.mark.case("5, 9")
def test_postgres_dies_after_a_commit(doomed: WarmScene, postgres: OwnPostgres) -> None:
    """What was committed is there after recovery, and isn't loaded again."""
    _strike(doomed, postgres, "after_commit_before_ack")


@pytest.mark.case("10")
def test_the_disk_is_full(doomed: WarmScene) -> None:
    """A load ends with a failure that passes and names the disk; with room made, the next one loads all of it."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system of so little room")
    with tempfile.TemporaryDirectory(prefix="trendscript-full-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", name], check=True)  # noqa: S607  (wherever mount is)
        try:
            _fill_up(doomed, folder)
        finally:
            _empty(doomed)
            subprocess.run(["umount", "--lazy", name], check=True)  # noqa: S607  (wherever umount is)


def _fill_up(scene: WarmScene, folder: Path) -> None:
    account = server_account()
    assert account is not None
    place = folder / "space"
    place.mkdir(mode=0o700)
    os.chown(place, account.uid, account.gid)
    _execute(scene.dsn, f"create tablespace small location '{place}'")
    for table in ("processed.video", "processed.chart_entry"):
        _execute(scene.dsn, f"alter table {table} set tablespace small")
    ballast = folder / "ballast"
    free = shutil.disk_usage(folder).free
    ballast.write_bytes(b"\0" * (free - scene.chance.randrange(8_192, 65_536)))
    scene.tell(200)
    scene.publish(scene.teller.tell_large(60))
    scene.order()
    scene.fault_now()
    failure = scene.try_load()
    assert "No space left on device" in str(failure), failure
    ballast.unlink()
    scene.recover()
    scene.judge()


def _empty(scene: WarmScene) -> None:
    for table in ("processed.video", "processed.chart_entry"):
        _execute(scene.dsn, f"alter table {table} set tablespace pg_default")
    _execute(scene.dsn, "drop tablespace if exists small")


def _execute(dsn: str, statement: str) -> None:
    connection = psycopg2.connect(dsn)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()
