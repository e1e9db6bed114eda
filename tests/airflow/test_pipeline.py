"""The DAGs at work: Airflow runs the real command against real servers, and the tables hold what the API gave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import platformdirs
import pytest

from ingest.loopback_answers import LoopbackData
from ingest.loopback_api import LoopbackApi
from tests.builders import query
from tests.ingest.building import a_category, a_channel, a_channel_id, a_chart
from trendscript.contracts import load_contracts
from trendscript.kafka import ensure_topics
from trendscript.migrations import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.airflow.conftest import Airflow
    from tests.conftest import Stack

_KEY = "AIza-canary-5d1c0ffee"
_SIZES = {"FR": 60, "US": 55}
_CHANNELS = 7


@dataclass(frozen=True, slots=True)
class Site:
    """Airflow, and the warehouse it fills."""

    airflow: Airflow
    dsn: str
    settings: Mapping[str, str]

    def test(self, dag_id: str) -> str:
        """Run a DAG to its end; it has to succeed. What Airflow printed, the logs of the tasks."""
        return self.airflow.run("airflow", "dags", "test", dag_id, settings=self.settings)


@pytest.fixture(scope="module")
def site(
    airflow: Airflow, stack: Stack, trendscript_bin: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """A migrated local stack, and charts of two regions that a loopback API answers with."""
    migrate(stack.dsn)
    ensure_topics(load_contracts().values(), bootstrap_servers=stack.bootstrap_servers, client_properties=None)
    data = LoopbackData(
        charts={(region, "0"): a_chart(size) for region, size in _SIZES.items()},
        categories={region: [a_category(10, "Music"), a_category(20, "Gaming")] for region in _SIZES},
        channels={a_channel_id(number): a_channel(number) for number in range(_CHANNELS)},
    )
    with LoopbackApi(data, key=_KEY) as api:
        settings = {
            "TRENDSCRIPT_BIN": str(trendscript_bin),
            "TRENDSCRIPT_HOME": str(stack.home),
            "XDG_CACHE_HOME": str(platformdirs.user_cache_path()),  # where the jars are
            "YOUTUBE_API_ENDPOINT": api.endpoint,
            "YOUTUBE_API_KEY": _KEY,
            "YOUTUBE_REGIONS": ",".join(_SIZES),
            "HASTY": "1",
            "AUDIO_SOURCE": "folder",
            "AUDIO_FOLDER": str(tmp_path_factory.mktemp("audio")),
        }
        yield Site(airflow, stack.dsn, settings)


@pytest.fixture(scope="module")
def loaded(site: Site) -> Site:
    """The site after one run of the pipeline."""
    site.test("youtube_trending_pipeline")
    return site


def test_the_pipeline_fills_the_tables(loaded: Site) -> None:
    """Each chart is there in full, once; tasks say how much they read and loaded, and who waits for charts is told."""
    entries = query(loaded.dsn, "select region_code, count(*) from processed.chart_entry group by 1 order by 1")
    assert entries == sorted(_SIZES.items())
    assert query(loaded.dsn, "select count(*) from processed.video where title is not null") == [(60,)]
    dag = "youtube_trending_pipeline"
    assert {task: state for task, (state, _) in loaded.airflow.states(dag).items()} == dict.fromkeys(
        ("ingest_charts", "load", "reconcile", "check_freshness"), "success"
    )
    published = loaded.airflow.result(dag, "ingest_charts")
    assert published["rejected"] == 0
    read = loaded.airflow.result(dag, "load")
    assert read["read"] == read["accepted"] == published["published"] + 1  # what was spent of the quota is a message
    assert read["quarantined"] == 0
    assert loaded.airflow.result(dag, "reconcile")["differences"] == 0
    assert loaded.airflow.query(
        "select count(*) from asset_event e join asset a on a.id = e.asset_id where a.name = 'youtube_charts'"
    ) >= [(1,)]


def test_categories_and_channels_are_read(loaded: Site) -> None:
    """The channels of the charts just loaded, and the names of the categories of both regions."""
    loaded.test("youtube_categories")
    assert query(loaded.dsn, "select count(*) from processed.channel where title is not null") == [(_CHANNELS,)]
    assert query(loaded.dsn, "select count(*) from processed.video_category") == [(4,)]


def test_transcripts_with_nothing_waiting_end_well(loaded: Site) -> None:
    """An hour without a request costs a look."""
    loaded.test("transcripts")
    assert loaded.airflow.result("transcripts", "transcribe")["requests"] == 0


def test_maintenance_deletes_nothing_for_its_age_unasked(loaded: Site) -> None:
    """Without an age the purge is skipped and says why; the rest is done."""
    told = loaded.test("maintenance")
    states = {task: state for task, (state, _) in loaded.airflow.states("maintenance").items()}
    assert states == {"lake_optimize": "success", "lake_vacuum": "success", "purge": "skipped", "reconcile": "success"}
    assert "TRENDSCRIPT_PURGE_OLDER_THAN is not set" in told
    assert query(loaded.dsn, "select count(*) from pipeline.purge") == [(0,)]


def test_the_key_is_nowhere_in_airflow(loaded: Site) -> None:
    """Neither in what it printed, nor in its logs, nor in its database."""
    files = {path: path.read_bytes() for path in loaded.airflow.home.rglob("*") if path.is_file()}
    assert b'"published": 115' in files[loaded.airflow.home / "printed"]
    assert b'"published": 115' in files[loaded.airflow.home / "airflow.db"]
    assert not [path for path, content in files.items() if _KEY.encode() in content]
