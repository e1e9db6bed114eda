"""A standalone cluster of Spark's own classes on this machine, and loads that run on it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pyspark

from tests.real.killing import kill_session
from tests.real.warehouse import TOPIC
from trendscript.local.java import java_home
from trendscript.local.ports import choose_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.cold import ColdScene

_SECONDS = 180


class Cluster:
    """A master and two workers on addresses of their own, since Spark runs no two copies of a task on one host."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.password_file = folder / "password"
        self.password_file.touch()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._ports = [choose_port(port) for port in (27_077, 28_080, 28_081, 28_082)]
        self.master = f"spark://127.0.0.1:{self._ports[0]}"

    def start(self) -> None:
        """Start all three; workers join by themselves."""
        place = ("--host", "127.0.0.1", "--port", str(self._ports[0]), "--webui-port", str(self._ports[1]))
        self._start("master", "master.Master", *place)
        self._wait_for("master", "Starting Spark master")
        for number in (1, 2):
            place = ("--host", f"127.0.0.{number}", "--cores", "2", "--memory", "1g")
            ui = ("--webui-port", str(self._ports[1 + number]))
            work = ("--work-dir", str(self.folder / f"work-{number}"))
            self._start(f"worker-{number}", "worker.Worker", *place, *ui, *work, self.master)
            self._wait_for(f"worker-{number}", "Successfully registered with master")

    def stop(self) -> None:
        """End all three, and what they started."""
        for process in reversed(self._processes):
            kill_session(process.pid)
            process.wait()

    @property
    def pids(self) -> list[int]:
        """The processes that all others were started by."""
        return [process.pid for process in self._processes]

    def pages(self) -> list[str]:
        """What the master and the workers show to a browser and to programs."""
        hosts = ("127.0.0.1", "127.0.0.1", "127.0.0.2")
        return [
            f"http://{host}:{port}{path}"
            for host, port in zip(hosts, self._ports[1:], strict=True)
            for path in ("/", "/json/")
        ]

    def _start(self, name: str, kind: str, *arguments: str) -> None:
        home = Path(pyspark.__file__).parent
        environ = os.environ | {
            "JAVA_HOME": str(java_home()),
            "SPARK_HOME": str(home),
            "PYSPARK_PYTHON": sys.executable,
            "SPARK_LOCAL_IP": arguments[1],
            "POSTGRES_PASSWORD_FILE": str(self.password_file),
        }
        with (self.folder / f"{name}.log").open("wb") as log:
            self._processes.append(
                subprocess.Popen(
                    [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{kind}", *arguments],
                    env=environ,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )

    def _wait_for(self, name: str, words: str) -> None:
        deadline = time.monotonic() + _SECONDS
        while words not in (text := (self.folder / f"{name}.log").read_text(errors="replace")):
            assert time.monotonic() < deadline, text[-2000:]
            assert self._processes[-1].poll() is None, text[-2000:]
            time.sleep(0.1)


@contextmanager
def loading(
    scene: ColdScene,
    cluster: Cluster,
    conf: dict[str, str],
    *,
    settings: dict[str, str] | None = None,
    output: IO[bytes] | int = subprocess.DEVNULL,
) -> Iterator[subprocess.Popen[bytes]]:
    """The command, running on the cluster; it has ended well when the block is left well."""
    conf |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.executor.memory": "600m"}
    arguments = " ".join(f"--conf {name}={value}" for name, value in conf.items())
    environ = {
        "SPARK_MASTER": cluster.master,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_SUBMIT_ARGS": f"{arguments} pyspark-shell",
    }
    environ |= settings or {}
    process = scene.warehouse.start("load", TOPIC, *scene.options, settings=environ, output=output)
    try:
        yield process
        scene.faults.withdraw()
        assert process.wait(_SECONDS) == 0
        scene.recovered()
    finally:
        if process.poll() is None:
            kill_session(process.pid)
