"""Running calls in a process that is watched; all that they leave comes out, by where it was found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tests.traces.servers import a_chart_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tests.traces.calls import Call
    from tests.traces.servers import Canary

_REPOSITORY = Path(__file__).parents[2]
_LARGEST = 50_000_000
_PLACES = {".index", ".timeindex"}  # of Kafka's logs: made large beforehand, and numbers only
_SECONDS = 1_700
_OURS = ("KAFKA_", "POSTGRES_", "LAKE_", "YOUTUBE_", "LOAD_", "TRENDSCRIPT_", "SPARK_", "OPENAI_", "AUDIO_", "TRANSC")


@dataclass
class Traces:
    """What was found, by where."""

    found: dict[str, bytes] = field(default_factory=dict)
    codes: list[int] = field(default_factory=list)

    def add_files(self, folder: Path, *, but: Sequence[str] = ()) -> None:
        """All files below a folder, but those of these names."""
        for path in folder.rglob("*"):
            with suppress(OSError):  # a server's file may go meanwhile
                if path.suffix in _PLACES or path.name in but:
                    continue
                if path.is_file() and path.stat().st_size < _LARGEST:
                    self.found[str(path)] = path.read_bytes()

    def hits(self, canaries: Iterable[Canary]) -> list[str]:
        """Which secret stands where."""
        return [
            f"{canary.name}: {where}"
            for canary in canaries
            for where, trace in self.found.items()
            if canary.part.encode() in trace or canary.part in where
        ]


@dataclass(frozen=True, slots=True)
class Ground:
    """The folders of a run: `vault` is where secrets are put, the others are looked through."""

    vault: Path
    work: Path
    outputs: Path
    temporary: Path
    events: Path

    @classmethod
    def below(cls, folder: Path) -> Ground:
        """Make them, and put a file of charts into the folder that commands run in."""
        names = ("vault", "work", "outputs", "temporary", "events")
        for name in names:
            (folder / name).mkdir()
        (folder / "work" / "charts.json").write_bytes(a_chart_file())
        return cls(*(folder / name for name in names))

    def environment(self) -> dict[str, str]:
        """Nothing of ours set; as talkative as can be, with an event log of Spark's."""
        conf = {
            "spark.eventLog.enabled": "true",
            "spark.eventLog.dir": self.events.as_uri(),
            "spark.eventLog.compress": "false",
        }
        words = " ".join(f"--conf {name}={value}" for name, value in conf.items())
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        return kept | {
            "PYTHONPATH": str(_REPOSITORY),
            "PYSPARK_SUBMIT_ARGS": f"{words} pyspark-shell",
            "TMPDIR": str(self.temporary),
            "LOG_LEVEL": "DEBUG",
            "OPENAI_LOG": "debug",
        }


def run_calls(
    ground: Ground, calls: Sequence[tuple[Call, dict[str, str]]], *, at_once: int = 0, pids: Sequence[int] = ()
) -> Traces:
    """Run calls, each with its settings, and gather outputs, what `ps` shows, and temporary files."""
    asked = [
        {"arguments": call.words, "settings": settings, "output": str(ground.outputs / f"{number:02d}-{call.words[0]}")}
        for number, (call, settings) in enumerate(calls)
    ]
    (ground.vault / "calls.json").write_text(json.dumps({"at_once": at_once, "calls": asked}), encoding="utf-8")
    traces = Traces()
    with subprocess.Popen(
        [sys.executable, "-m", "tests.traces.child", str(ground.vault / "calls.json")],
        env=ground.environment(),
        cwd=ground.work,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            with _watched(process.pid, pids, ground.temporary, traces):
                out, err = process.communicate(timeout=_SECONDS)
        finally:
            process.kill()
        assert process.returncode == 0, err.decode()[-3000:]
    traces.codes = json.loads(out)
    traces.found["the driver"] = err
    for folder in (ground.outputs, ground.work, ground.temporary, ground.events):
        traces.add_files(folder)
    return traces


@contextmanager
def _watched(pid: int, others: Sequence[int], temporary: Path, traces: Traces) -> Iterator[None]:
    """Keep what `ps` tells of a process, its children and others, and temporary files, while the block lasts."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.2):
            for process in _family(pid, others):
                with suppress(psutil.Error):
                    traces.found[f"arguments of {process.pid}"] = "\0".join(process.cmdline()).encode()
                    traces.found[f"environment of {process.pid}"] = json.dumps(process.environ()).encode()
            traces.add_files(temporary)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _family(pid: int, others: Sequence[int]) -> list[psutil.Process]:
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True), *(psutil.Process(other) for other in others)]
    return []
