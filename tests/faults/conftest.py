"""What cases share: servers, one armed Spark session, seeds, and the account of all runs that is told at the end."""

from __future__ import annotations

import os
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from kafka import KafkaProducer

from spark_jobs.fault_points import listen
from spark_jobs.job import LoadJob
from spark_jobs.session import build_session
from tests.faults.cluster import Cluster
from tests.faults.cold import ColdScene
from tests.faults.orders import ARMED, FOLDER, Faults, obey
from tests.faults.results import Result, append_result, code_version, read_results, to_lines
from tests.faults.scene import Verdict, WarmScene, by_seed
from tests.real.warehouse import TOPIC, Servers
from tests.spark_jobs.quarantined import as_writer
from trendscript.contracts import load_contract

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kafka.admin import KafkaAdminClient
    from pyspark.sql import SparkSession

    from tests.conftest import MakeTopic, Stack

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[1]
_LONGEST_CASE = 900
_LONGEST_WHY = 500
_COLD_SHARE = 4
_PARTITIONS = 3
_WITH_LAKE = 0.4
_TEMPLATE = "faults_template"


def pytest_addoption(parser: pytest.Parser) -> None:
    """How often each case runs, and where results are kept."""
    group = parser.getgroup("faults")
    group.addoption(
        "--seeds",
        type=int,
        default=1,
        help="runs of each case that a warm Spark session serves; cases that start Spark anew run a quarter as often",
    )
    group.addoption(
        "--short", action="store_true", help="leave out most cases that start Spark anew: minutes, not hours"
    )
    group.addoption("--results", type=Path, help="append a JSON line a run to this file, and tell of all its runs")
    group.addoption("--resume", action="store_true", help="leave out runs that --results holds as passed by this code")


def pytest_configure(config: pytest.Config) -> None:
    """Declare what a case says of itself."""
    config.addinivalue_line(
        "markers",
        "case(numbers, cold=False, short=True, once=False): the faults it shows, by their numbers in docs/faults.md; "
        "whether it starts Spark anew, belongs to the short form, is the same for every seed",
    )
    config.stash[_CODE] = code_version(_ROOT)
    config.stash[_RESULTS] = []


_CODE = pytest.StashKey[str]()
_RESULTS = pytest.StashKey[list[Result]]()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A run for every seed."""
    if "seed" not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker("case")
    said = marker.kwargs if marker else {}
    seeds = int(metafunc.config.getoption("--seeds"))
    runs = 1 if said.get("once") else max(1, seeds // _COLD_SHARE) if said.get("cold") else seeds
    metafunc.parametrize("seed", range(runs))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what the short form does, and what has passed; give the rest the time it takes."""
    passed = _passed(config)
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        marker = item.get_closest_marker("case")
        long = marker is not None and not marker.kwargs.get("short", True)
        leave_out = (long and config.getoption("--short")) or (_name(item), _seed(item)) in passed
        (left_out if leave_out else kept).append(item)
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.timeout(_LONGEST_CASE))
    items[:] = kept
    config.hook.pytest_deselected(items=left_out)


def _passed(config: pytest.Config) -> set[tuple[str, int]]:
    path = config.getoption("--results")
    if path is None or not config.getoption("--resume"):
        return set()
    code = config.stash[_CODE]
    return {(result.name, result.seed) for result in read_results(path) if result.passed and result.code == code}


def _name(item: pytest.Item) -> str:
    """What the case is called: its function, and its parameters but the seed."""
    callspec = getattr(item, "callspec", None)
    others = [str(value) for name, value in callspec.params.items() if name != "seed"] if callspec else []
    said = getattr(item, "originalname", item.name).removeprefix("test_").replace("_", " ")
    return f"{said} [{', '.join(others)}]" if others else said


def _seed(item: pytest.Item) -> int:
    callspec = getattr(item, "callspec", None)
    return int(callspec.params.get("seed", 0)) if callspec else 0


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Keep what a run came to."""
    report = yield
    marker = item.get_closest_marker("case")
    ended = report.when == "call" or (report.when == "setup" and report.failed)
    if marker is not None and ended and not report.skipped:
        verdict = item.stash.get(_VERDICT, Verdict())
        result = Result(
            case=marker.args[0],
            name=_name(item),
            seed=_seed(item),
            passed=report.passed,
            lost=verdict.lost,
            doubled=verdict.doubled,
            seconds=verdict.seconds,
            steps=verdict.steps,
            code=item.config.stash[_CODE],
            why=None if call.excinfo is None else call.excinfo.exconly(tryshort=True)[:_LONGEST_WHY],
        )
        item.config.stash[_RESULTS].append(result)
        if path := item.config.getoption("--results"):
            append_result(path, result)
    return report


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Tell of every case, with earlier runs of the same code where they are kept."""
    results, path = config.stash[_RESULTS], config.getoption("--results")
    if path is not None:
        results = [result for result in read_results(path) if result.code == config.stash[_CODE]]
    if results:
        terminalreporter.section("faults")
        for line in to_lines(results):
            terminalreporter.write_line(line)


_VERDICT = pytest.StashKey[Verdict]()


@pytest.fixture
def verdict(request: pytest.FixtureRequest) -> Verdict:
    """Where a run's outcome is noted."""
    request.node.stash[_VERDICT] = found = Verdict()
    return found


@pytest.fixture(scope="session")
def faults(stack: Stack) -> Faults:
    """Orders that this process, and all Python processes started from it, obey."""
    found = Faults(stack.home / "faults")
    os.environ[FOLDER] = str(found.folder)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ARMED), os.environ.get("PYTHONPATH")]))
    listen(obey)
    return found


@pytest.fixture(scope="session")
def spark(stack: Stack, faults: Faults) -> Iterator[SparkSession]:
    """One session a run, whose Python workers are armed."""
    del faults
    # Four at once, so that two runners' attempts at one range can meet.
    session = build_session("local[4]", stack.home / "logs" / "spark.log")
    yield session
    session.stop()


@pytest.fixture
def producer(stack: Stack) -> Iterator[KafkaProducer]:
    """A producer that leaves the partition to the test.

    One a test: after a topic that it wrote to is deleted, it asks for it without a pause, a core of work.
    """
    with closing(KafkaProducer(bootstrap_servers=stack.bootstrap_servers, acks="all", max_request_size=2**23)) as found:
        yield found


@pytest.fixture
def scene(  # noqa: PLR0913, PLR0917  (what a scene is made of)
    request: pytest.FixtureRequest,
    seed: int,
    stack: Stack,
    spark: SparkSession,
    faults: Faults,
    producer: KafkaProducer,
    database: str,
    make_topic: MakeTopic,
    kafka_admin: KafkaAdminClient,
    tmp_path: Path,
    verdict: Verdict,
) -> Iterator[WarmScene]:
    """A fresh topic of three partitions, a database, for some seeds a lake, and the warm session to load with."""
    topic = make_topic("charts", partitions=_PARTITIONS, configs={"max.message.bytes": "8388608"})
    chance = by_seed(_name(request.node), seed)
    lake = tmp_path / "lake" if chance.random() < _WITH_LAKE else None
    job = LoadJob(
        spark=spark,
        dsn=as_writer(database),
        bootstrap_servers=stack.bootstrap_servers,
        client_properties=None,
        lake=None if lake is None else str(lake),
        max_messages=500_000,
        retry_seconds=0.1,
    )
    yield WarmScene(
        topic=topic,
        dsn=database,
        bootstrap_servers=stack.bootstrap_servers,
        bronze=lake and lake / "bronze" / topic,
        producer=producer,
        faults=faults,
        chance=chance,
        verdict=verdict,
        partitions=_PARTITIONS,
        job=job,
        contract=replace(load_contract("youtube_trending"), topic=topic),
    )
    faults.give()
    kafka_admin.delete_topics([topic])


@pytest.fixture(scope="session")
def cold_servers(stack: Stack) -> Servers:
    """The run's stack, with a migrated database to copy."""
    folder = stack.home / "cold"
    folder.mkdir()
    found = Servers(stack.home, stack.bootstrap_servers, stack.dsn, folder)
    found.make_warehouse(_TEMPLATE)
    return found


@pytest.fixture
def cold(  # noqa: PLR0913, PLR0917  (what a scene is made of)
    request: pytest.FixtureRequest,
    seed: int,
    cold_servers: Servers,
    faults: Faults,
    producer: KafkaProducer,
    verdict: Verdict,
) -> Iterator[ColdScene]:
    """The topic made anew and filled, a fresh database and lake."""
    cold_servers.recreate_topic(_PARTITIONS)
    warehouse = cold_servers.make_warehouse(f"cold_{time.time_ns()}", template=_TEMPLATE)
    assert warehouse.lake is not None
    scene = ColdScene(
        topic=TOPIC,
        dsn=warehouse.dsn,
        bootstrap_servers=cold_servers.bootstrap_servers,
        bronze=warehouse.lake / "bronze" / TOPIC,
        producer=producer,
        faults=faults,
        chance=by_seed(_name(request.node), seed),
        verdict=verdict,
        partitions=_PARTITIONS,
    )
    scene.warehouse = warehouse
    scene.options = ("--max-messages", str(scene.chance.choice([80, 100_000])))
    scene.tell(200)
    yield scene
    faults.give()
    warehouse.drop()
    warehouse.remove_lake()


@pytest.fixture(scope="session")
def cluster(stack: Stack, faults: Faults) -> Iterator[Cluster]:
    """The cluster, armed as this process is."""
    del faults
    folder = stack.home / "cluster"
    folder.mkdir()
    found = Cluster(folder)
    try:
        found.start()
        yield found
    finally:
        found.stop()
