"""An engine, the project's images, and the services of a project with made-up charts on their way through them."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import orjson
import pytest

from tests.containers.project import REPOSITORY, Project
from trendscript.demo.charts import CHART_SIZE, make_chart
from trendscript.demo.speech import place_clips

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LONGEST_TEST = 3_600
_LONGEST_BUILD = 3_600
_FIRST = datetime(2026, 9, 1, 12, tzinfo=UTC)
ENTRIES = "select region_code, count(*), count(distinct video_id) from processed.chart_entry group by 1 order by 1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Servers start in seconds, images are built in minutes."""
    for item in items:
        item.add_marker(pytest.mark.timeout(_LONGEST_TEST))


class Charts:
    """Readings of made-up charts that were published, each of a time of its own."""

    def __init__(self, project: Project, folder: Path) -> None:
        self._project = project
        self._folder = folder
        self._readings = {"FR": 0, "US": 0}

    def publish(self, region: str) -> None:
        """Publish the next reading of a region through the one-shot `ingest`."""
        day = self._readings[region]
        body = {"kind": "youtube#videoListResponse", "items": make_chart(region, day % 14)}
        path = self._folder / f"{region}-{day}.json"
        path.write_bytes(orjson.dumps(body))
        path.chmod(0o644)
        read_at = (_FIRST + timedelta(days=day)).isoformat()
        words = ("file", f"/data/{path.name}", "--region", region, "--captured-at", read_at, "--json")
        told = orjson.loads(self._project.run("ingest", *words, options=("--volume", f"{self._folder}:/data:ro")))
        assert told["published"] == CHART_SIZE
        self._readings[region] += 1

    def expected(self) -> list[tuple[str, int, int]]:
        """What `ENTRIES` has to give when all of it is loaded, once."""
        videos = {
            region: {item["id"] for day in range(count) for item in make_chart(region, day % 14)}
            for region, count in self._readings.items()
        }
        return [(region, count * CHART_SIZE, len(videos[region])) for region, count in self._readings.items() if count]


@pytest.fixture(scope="package")
def engine() -> str:
    """The version of a Docker engine that answers, once the script that CONTAINERS_SETUP may name has run."""
    if script := os.environ.get("CONTAINERS_SETUP"):
        subprocess.run([script, "docker-compose.yml", "docker/Dockerfile"], cwd=REPOSITORY, check=True)
    said = [_ask("compose", "version", "--short"), _ask("version", "--format", "{{.Server.Version}}")]
    if not all(said):
        pytest.fail(
            "No Docker engine answers, or it lacks its plugin compose. CONTAINERS_SETUP may name a script that starts "
            "them.",
            pytrace=False,
        )
    return said[1]


def _ask(*words: str) -> str:
    docker = shutil.which("docker")
    if docker is None:
        return ""
    return subprocess.run([docker, *words], capture_output=True, text=True, check=False).stdout.strip()


@pytest.fixture(scope="package")
def project(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Services that are all well, with nothing in them; taken down at the end, with their data."""
    assert engine
    folder = tmp_path_factory.mktemp("project")
    folder.chmod(0o755)
    made = Project.make(folder, "AUDIO_SOURCE=folder\nYOUTUBE_REGIONS=FR,US")
    made.compose("--profile", "*", "down", "--volumes", "--remove-orphans", "--timeout", "20")
    made.compose("--profile", "tools", "build", seconds=_LONGEST_BUILD)
    try:
        made.up()
        yield made
    finally:
        (REPOSITORY / "build").mkdir(exist_ok=True)
        (REPOSITORY / "build" / "containers.log").write_text(made.compose("logs", "--no-color"), encoding="utf-8")
        made.compose("--profile", "*", "down", "--volumes", "--remove-orphans", "--timeout", "20")


@pytest.fixture(scope="package")
def charts(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Charts:
    """Two regions' charts, published and loaded."""
    folder = tmp_path_factory.mktemp("charts")
    folder.chmod(0o755)
    made = Charts(project, folder)
    for region in ("FR", "US"):
        made.publish(region)
    project.wait_for(ENTRIES, made.expected())
    return made


@pytest.fixture(scope="package")
def spoken(project: Project, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A video whose audio lies in the volume, asked for, listened to and loaded."""
    folder = tmp_path_factory.mktemp("audio")
    place_clips(folder)
    # The clip in which somebody says what is searched for.
    (clip,) = (path for path in folder.iterdir() if path.read_bytes() == _clip("robots"))
    project.compose("cp", str(clip), f"transcriber:/audio/{clip.name}")
    project.run("ask", "request-transcription", "--json", "--", clip.stem)
    project.wait_for("select distinct video_id from processed.transcription", [(clip.stem,)])
    assert project.query("select status, reason from processed.transcription") == [("transcribed", None)]
    return clip.stem


def _clip(name: str) -> bytes:
    return (REPOSITORY / "trendscript" / "demo" / "clips" / f"{name}.ogg").read_bytes()
