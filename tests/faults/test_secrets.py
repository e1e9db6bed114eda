"""The database's password is in a file; it is looked for wherever a run leaves traces, and found nowhere else."""

from __future__ import annotations

import urllib.request
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psutil
import pytest

from tests.faults.cluster import loading
from tests.faults.orders import Order
from tests.real.killing import session_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.cluster import Cluster
    from tests.faults.cold import ColdScene

_LARGEST = 50_000_000


@pytest.mark.case("25", cold=True, short=False, once=True)
def test_a_password_leaves_no_trace(cold: ColdScene, cluster: Cluster, tmp_path: Path) -> None:
    """Not in logs, the event log, command lines, Spark's pages, the lake or the ledger, also when a task fails."""
    address = urlsplit(cold.dsn)
    canary = address.password or ""
    assert len(canary) == 32
    cluster.password_file.write_text(canary)
    settings = {
        "POSTGRES_HOST": str(address.hostname),
        "POSTGRES_PORT": str(address.port),
        "POSTGRES_USER": str(address.username),
        "POSTGRES_PASSWORD_FILE": str(cluster.password_file),
        "LOG_LEVEL": "debug",
    }
    conf = {
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": tmp_path.as_uri(),
        "spark.eventLog.compress": "false",
    }
    cold.options = ()
    cold.order(Order("before_commit", "hold"))
    traces: dict[str, bytes] = {}
    with (
        (tmp_path / "output").open("wb") as output,
        loading(cold, cluster, conf, settings=settings, output=output) as process,
    ):
        cold.faults.wait(alive=lambda: process.poll() is None)
        lines = [word for pid in (process.pid, *cluster.pids) for found in session_of(pid) for word in _line(found)]
        traces["command lines"] = "\n".join(lines).encode()
        traces |= {page: _fetch(page) for page in cluster.pages()}
    cold.judge()
    folders = (tmp_path, cluster.folder, cold.warehouse.servers.folder, cold.warehouse.servers.home / "logs")
    for folder in folders:
        traces |= {str(path): path.read_bytes() for path in folder.rglob("*") if _is_trace(path, cluster)}
    ledger = cold.query(
        "select b::text, r::text from pipeline.batch as b join pipeline.batch_range as r using (batch_id)"
    )
    traces["the ledger"] = repr(ledger).encode()

    assert any(b"CoarseGrainedExecutorBackend" in trace for trace in traces.values())
    assert any(b"SparkListenerApplicationStart" in trace for trace in traces.values())
    assert [name for name, trace in traces.items() if canary.encode() in trace] == []


def _line(process: psutil.Process) -> list[str]:
    with suppress(psutil.Error):
        return list(process.cmdline())
    return []


def _fetch(page: str) -> bytes:
    with urllib.request.urlopen(page, timeout=20) as answer:  # noqa: S310  (pages of the test's own cluster)
        return bytes(answer.read())


def _is_trace(path: Path, cluster: Cluster) -> bool:
    return path.is_file() and path != cluster.password_file and path.stat().st_size < _LARGEST
