"""A load on a real standalone cluster, whose executors are killed or raced by copies of themselves."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.faults.cluster import loading
from tests.faults.orders import Order

if TYPE_CHECKING:
    from tests.faults.cluster import Cluster
    from tests.faults.cold import ColdScene

_SECONDS = 180
_SPECULATION = {
    "spark.speculation": "true",
    "spark.speculation.interval": "100ms",
    "spark.speculation.multiplier": "1.01",
    "spark.speculation.quantile": "0.3",
    "spark.speculation.minTaskRuntime": "500ms",
}


def _executor(python: int) -> psutil.Process:
    """The executor that a Python worker belongs to."""
    for found in psutil.Process(python).parents():
        if any("CoarseGrainedExecutorBackend" in word for word in found.cmdline()):
            return found
    raise AssertionError(f"process {python} belongs to no executor")


@pytest.mark.case("6", cold=True, short=False)
def test_an_executor_dies(cold: ColdScene, cluster: Cluster) -> None:
    """Before or after a commit; Spark runs its tasks again elsewhere, while what is left of it may wake up late."""
    point = cold.chance.choice(["after_copy", "before_commit", "after_commit_before_ack"])
    cold.order(Order(point, "hold", (cold.chance.randint(1, 3),)))
    with loading(cold, cluster, {}) as process:
        note = cold.faults.wait(alive=lambda: process.poll() is None)
        _executor(note.pid).send_signal(signal.SIGKILL)
        if cold.chance.random() < 0.5:
            time.sleep(3)
    cold.judge()


@pytest.mark.case("7", cold=True, short=False)
def test_a_stalled_task_is_raced_by_a_copy(cold: ColdScene, cluster: Cluster) -> None:
    """Two attempts at one range live at once; one commits, the other finds it done or fails without a trace."""
    cold.options = ()
    cold.order(Order(cold.chance.choice(["after_copy", "in_merge", "before_commit"]), "hold"))
    with loading(cold, cluster, dict(_SPECULATION)) as process:
        note = cold.faults.wait(alive=lambda: process.poll() is None)
        attempts = f"trendscript batch=% partition={note.partition} attempt=%"
        deadline = time.monotonic() + _SECONDS
        while cold.query("select count(*) from pg_stat_activity where application_name like %s", attempts) != [(2,)]:
            assert process.poll() is None
            assert time.monotonic() < deadline, "no copy was started"
            time.sleep(0.1)
        time.sleep(cold.chance.choice([0.0, 1.0]))
    cold.judge()
