"""The Kafka broker: a folder and ports go in, a running broker that keeps its data there comes out."""

from __future__ import annotations

import base64
import shutil
import signal
import subprocess
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from trendscript.local.jars import kafka_classpath
from trendscript.local.java import java_command
from trendscript.local.ports import LOOPBACK, PORT_SNATCHED, is_held_by
from trendscript.local.processes import ServerProcess, failure, start_process

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_SERVER_PROPERTIES = """\
# Written anew by every `trendscript up`.
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}

"""
ONE_BROKER = """\
auto.create.topics.enable=false
message.max.bytes=12582912
log.cleaner.dedupe.buffer.size=8388608
num.network.threads=2
num.io.threads=4
group.initial.rebalance.delay.ms=0

# One broker: nothing can have a second copy.
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=5
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=5
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=5
"""
"""Properties of any broker that is alone and small, wherever it listens and whoever may enter."""


class Broker:
    """The broker whose data, configuration and log are under `home`."""

    name: ClassVar[str] = "Kafka"
    preferred_ports: ClassVar[Sequence[int]] = (19_092, 19_093)  # for clients, and for the controller
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    passing_faults: ClassVar[Sequence[str]] = (PORT_SNATCHED,)

    def __init__(self, home: Path) -> None:
        self.home = home
        self.log = home / "logs" / "kafka.log"
        self.state_file = home / "kafka.json"
        self._folder = home / "kafka"

    @property
    def marker(self) -> str:
        """An argument that no process but this home's broker has."""
        return f"-Dtrendscript.home={self.home}"

    def start(self, ports: Sequence[int], on_progress: Callable[[str], None]) -> ServerProcess:
        """Start the broker, after formatting its folder the first time; doesn't wait until it answers."""
        classpath, java = kafka_classpath(on_progress), java_command()
        self._folder.mkdir(exist_ok=True)
        if not (self._folder / "data").exists():
            self._format(java, classpath)
        _write_properties(self._folder, "data", ports)
        # Paths in the folder are relative: Java reads property files as ISO-8859-1, arguments in the locale's coding.
        command = [java, *java_options(), self.marker, "-cp", classpath, "kafka.Kafka", "server.properties"]
        return start_process(command, marker=self.marker, folder=self._folder, log=self.log)

    def is_ready(self, process: ServerProcess, ports: Sequence[int]) -> bool:
        """Tell whether this very process takes connections: it opens the port only when it can serve."""
        return is_held_by(process.pid, ports[0])

    def finish(self, ports: Sequence[int]) -> None:
        """Topics are the migrations' concern."""

    def address(self, ports: Sequence[int]) -> str:
        """Return the bootstrap servers."""
        return f"{LOOPBACK}:{ports[0]}"

    def _format(self, java: str, classpath: str) -> None:
        """Prepare `data` for a new cluster, under another name until it is whole."""
        shutil.rmtree(self._folder / "data.new", ignore_errors=True)
        _write_properties(self._folder, "data.new", self.preferred_ports)
        command = [java, *java_options(), "-cp", classpath, "kafka.tools.StorageTool", "format"]
        formatted = subprocess.run(
            [*command, "-t", new_cluster_id(), "-c", "server.properties"],
            cwd=self._folder,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if formatted.returncode:
            raise failure(self.name, "couldn't format its folder", self.log, formatted.stdout + formatted.stderr)
        (self._folder / "data.new").rename(self._folder / "data")


def java_options() -> list[str]:
    """What the broker's Java, and that of its tools, is started with."""
    log4j = Path(__file__).with_name("log4j2.properties").as_uri()
    return [
        "-Xms128m",
        "-Xmx512m",
        "-Djava.awt.headless=true",
        "-XX:+ExitOnOutOfMemoryError",
        "-XX:-UsePerfData",
        f"-Dlog4j2.configurationFile={log4j}",
    ]


def new_cluster_id() -> str:
    """Make a cluster id as Kafka does: 16 random bytes in URL-safe base64, not beginning as an option would."""
    while True:
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not cluster_id.startswith("-"):
            return cluster_id


def _write_properties(folder: Path, data: str, ports: Sequence[int]) -> None:
    text = _SERVER_PROPERTIES.format(host=LOOPBACK, port=ports[0], controller_port=ports[1], data=data)
    (folder / "server.properties").write_text(text + ONE_BROKER, encoding="ascii")
