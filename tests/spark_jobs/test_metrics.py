"""Metrics of the load, held against what was loaded and what the ledger says."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

from spark_jobs import ledger
from spark_jobs.batch import OffsetRange
from spark_jobs.follow_status import Failing, FollowStatus
from spark_jobs.lease import take_lease
from spark_jobs.metrics import FollowCollector, LoadCollector
from spark_jobs.metrics_sums import Sums, SumsReader
from spark_jobs.offsets import TopicRecreated
from spark_jobs.topic_state import TopicIdentity
from tests.builders import a_bare_chart_message, a_chart_message, query, to_bytes
from tests.spark_jobs.quarantined import CHARTS, as_writer, load_values
from tests.spark_jobs.test_purge import as_janitor
from tests.warehouse.pointing import point_at
from trendscript.cli.main import app
from trendscript.errors import ServerUnreachable, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from prometheus_client.registry import Collector

    from tests.conftest import Stack
    from tests.spark_jobs.conftest import Loading

Place = tuple[str, frozenset[tuple[str, str]]]
Samples = dict[Place, float]


def at(name: str, **labels: str) -> Place:
    """Where a sample stands; its name without what all begin with."""
    return name, frozenset(labels.items())


def samples_of(text: str) -> Samples:
    """Samples by their name and labels."""
    return {
        at(sample.name.removeprefix("trendscript_load_"), **sample.labels): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _collect(collector: Collector) -> Samples:
    registry = CollectorRegistry()
    registry.register(collector)
    return samples_of(generate_latest(registry).decode())


def _read_sums(dsn: str, reader: SumsReader) -> Sums:
    with closing(psycopg2.connect(as_writer(dsn))) as connection:
        reader.settle(connection)
        with connection, connection.cursor() as cursor:
            cursor.execute("set transaction isolation level repeatable read read only")
            return reader.read(cursor)


def _sum_anew(dsn: str) -> Sums:
    """The sums of the whole ledger, as if nobody had asked before."""
    query(dsn, "delete from pipeline.batch_sums")
    return _read_sums(dsn, SumsReader())


def test_metrics_tell_what_a_load_did(loading: Loading) -> None:
    """Messages, rows, batches, quarantine, lag and seconds; a process that starts later tells the same counts."""
    loading.publish(a_chart_message("a" * 11), a_bare_chart_message("b" * 11), b"{broken")
    loading.load()
    loading.publish(a_chart_message("c" * 11))
    topic = loading.topic
    found = _collect(LoadCollector(lambda **_: loading.job, [topic]))
    assert found[at("messages_total", topic=topic, kind="load", outcome="accepted")] == 2
    assert found[at("messages_total", topic=topic, kind="load", outcome="quarantined")] == 1
    assert found[at("rows_total", topic=topic, kind="load", table="processed.video", outcome="inserted")] == 1
    assert found[at("rows_total", topic=topic, kind="load", table="processed.video", outcome="stubs")] == 1
    assert found[at("rows_total", topic=topic, kind="load", table="processed.chart_entry", outcome="inserted")] == 2
    assert found[at("rows_total", topic=topic, kind="load", table="processed.chart_entry", outcome="stale")] == 0
    assert found[at("batches_total", topic=topic, kind="load", state="committed")] == 1
    assert found[at("open_dead_letters", topic=topic)] == 1
    assert found[at("last_batch_quarantined_ratio", topic=topic)] == pytest.approx(1 / 3)
    assert sum(found[at("lag_messages", topic=topic, partition=partition)] for partition in "01") == 1
    steps = {dict(labels)["step"] for name, labels in found if name == "last_batch_seconds"}
    assert steps == {"plan", "bronze", "load", "copy", "merge"}
    ((committed,),) = loading.query("select extract(epoch from committed_at)::float8 from pipeline.batch")
    assert found[at("last_committed_timestamp_seconds", topic=topic)] == pytest.approx(committed)
    assert (found[at("ledger_up")], found[at("kafka_up")], found[at("lease_held", topic=topic)]) == (1, 1, 0)
    assert found[at("planned_batches", topic=topic)] == 0


def test_a_batch_keeps_its_run_and_its_seconds(loading: Loading) -> None:
    """Who planned it, and how long each step took."""
    loading.publish(a_chart_message())
    loading.load()
    ((run, seconds),) = loading.query("select run_id, seconds from pipeline.batch")
    assert re.fullmatch("[0-9a-f]{12}", run)
    assert seconds.keys() == {"plan", "bronze", "load"}
    assert all(spent > 0 for spent in seconds.values())


def test_a_lease_and_an_unfinished_batch_show(database: str) -> None:
    """Who watches sees that somebody works, and since when a batch waits to be finished."""
    load_values(database, CHARTS, [to_bytes(a_chart_message())])
    batch_id = _plan(database, 1, 5)
    collector = _ledger_collector(database)
    with take_lease(database, "charts"):
        found = _collect(collector)
    assert (found[at("lease_held", topic="charts")], found[at("planned_batches", topic="charts")]) == (1, 1)
    ((since,),) = query(
        database, "select extract(epoch from planned_at)::float8 from pipeline.batch where batch_id = %s", [batch_id]
    )
    assert found[at("planned_timestamp_seconds", topic="charts")] == pytest.approx(since)
    assert at("batches_total", topic="charts", kind="load", state="planned") not in found


def _plan(dsn: str, begin: int, until: int) -> int:
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        identity = TopicIdentity("charts", "cluster", "topic-id")
        return ledger.save_plan(cursor, identity, CHARTS, (OffsetRange(0, begin, until),)).batch_id


def _ledger_collector(dsn: str) -> LoadCollector:
    """Over a ledger alone: nobody listens where its Kafka should be."""
    from tests.spark_jobs.quarantined import a_job  # noqa: PLC0415

    return LoadCollector(lambda **_: a_job(dsn, bootstrap_servers="127.0.0.1:9"), ["charts"])


def test_what_was_summed_before_is_not_read_again(database: str) -> None:
    """A reader that looks time and again tells what one tells that looks once, also around an unfinished batch."""
    faithful = SumsReader()
    assert _read_sums(database, faithful) == Sums()
    for number in range(3):
        load_values(database, CHARTS, [to_bytes(a_chart_message()), b"{broken"], first_offset=2 * number)
        assert _read_sums(database, faithful) == _sum_anew(database)
    planned = _plan(database, 6, 9)
    load_values(database, replace(CHARTS, topic="others"), [to_bytes(a_chart_message())], topic_id="others-id")
    assert _read_sums(database, faithful) == _sum_anew(database)
    query(database, "update pipeline.batch set state = 'abandoned' where batch_id = %s", [planned])
    load_values(database, CHARTS, [b"{broken"], first_offset=6)
    sums = _read_sums(database, faithful)
    assert sums == _sum_anew(database)
    assert sums.batches == {
        ("charts", "load", "committed"): 4,
        ("charts", "load", "abandoned"): 1,
        ("others", "load", "committed"): 1,
    }
    assert sums.messages["charts", "load", "quarantined"] == 4


def test_settled_batches_are_left_alone(database: str) -> None:
    """What a reader has summed may even be gone: it isn't asked for again."""
    reader = SumsReader()
    load_values(database, CHARTS, [b"{broken"])
    before = _read_sums(database, reader)
    query(database, "delete from pipeline.batch_range")
    assert _read_sums(database, reader) == before
    assert _read_sums(database, SumsReader()) == before
    assert _sum_anew(database) != before


def test_a_long_ledger_is_summed_bit_by_bit(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No statement sums more batches than it may, and what comes out is the same; a batch that is open waits."""
    for number in range(5):
        load_values(database, CHARTS, [to_bytes(a_chart_message()), b"{broken"], first_offset=2 * number)
    _plan(database, 10, 12)
    whole = _sum_anew(database)
    monkeypatch.setattr("spark_jobs.metrics_sums._AT_ONCE", 2)
    assert _sum_anew(database) == whole
    assert (whole.batches["charts", "load", "committed"], whole.messages["charts", "load", "quarantined"]) == (5, 5)
    ((kept, newest),) = query(
        database,
        "select until_batch, (select max(batch_id) from pipeline.batch where state = 'committed') "
        "from pipeline.batch_sums",
    )
    assert kept == newest


def test_who_may_only_read_is_told_the_sums(database: str) -> None:
    """A user for monitoring needs no right to keep them."""
    load_values(database, CHARTS, [b"{broken"])
    reader = SumsReader()
    with closing(psycopg2.connect(as_janitor(database))) as connection:
        reader.settle(connection)
    assert query(database, "select count(*) from pipeline.batch_sums") == [(0,)]
    assert _read_sums(database, reader) == _sum_anew(database)


def test_a_restored_ledger_is_read_anew(database: str) -> None:
    """A database from a backup lacks the newest batches, and the sums follow it."""
    reader = SumsReader()
    load_values(database, CHARTS, [b"{broken"])
    before = _read_sums(database, reader)
    newest = load_values(database, CHARTS, [b"{broken"], first_offset=1)
    assert _read_sums(database, reader) != before
    for table in ("batch_range", "batch"):
        query(database, f"delete from pipeline.{table} where batch_id = %s", [newest])  # noqa: S608  (names from here)
    assert _read_sums(database, reader) == before


def test_a_ledger_restored_to_before_a_commit_is_read_anew(database: str) -> None:
    """A backup may hold the newest batch as it was planned: what it counted is still to come."""
    reader = SumsReader()
    load_values(database, CHARTS, [b"{broken"])
    before = _read_sums(database, reader)
    newest = load_values(database, CHARTS, [b"{broken"], first_offset=1)
    after = _read_sums(database, reader)
    restored = "update pipeline.{} set {} where batch_id = %s"
    query(database, restored.format("batch_range", "committed_at = null"), [newest])
    query(database, restored.format("batch", "state = 'planned', committed_at = null"), [newest])
    query(database, "delete from pipeline.batch_sums")
    assert _read_sums(database, reader) == before
    query(database, restored.format("batch_range", "committed_at = now()"), [newest])
    query(database, restored.format("batch", "state = 'committed', committed_at = now()"), [newest])
    assert _read_sums(database, reader) == after


def test_without_kafka_the_ledger_is_told(database: str) -> None:
    """Lag is not known then, and all else is; the brokers aren't asked again at once."""
    load_values(database, CHARTS, [b"{broken"])
    collector = _ledger_collector(database)
    found = _collect(collector)
    assert (found[at("ledger_up")], found[at("kafka_up")]) == (1, 0)
    assert found[at("messages_total", topic="charts", kind="load", outcome="quarantined")] == 1
    assert not [name for name, _ in found if name == "lag_messages"]
    (failure,) = collector.read().failures
    assert isinstance(failure, ServerUnreachable)


def test_a_run_that_goes_on_tells_its_failures(database: str) -> None:
    """Topics that can't be loaded, by cause, and a histogram of steps."""
    status = FollowStatus(["charts"])
    status.note_failure("charts", Failing(TopicRecreated("charts", "one", "other"), 3, parked=True))
    found = _collect(FollowCollector(_ledger_collector(database), status))
    assert found[at("topic_failures", topic="charts", cause="TopicRecreated")] == 3


@pytest.fixture
def settings(stack: Stack, database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Settings that lead to the test's own database and the run's Kafka."""
    point_at(database, monkeypatch)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", stack.bootstrap_servers)
    monkeypatch.setenv("TRENDSCRIPT_HOME", str(stack.home / "nowhere"))
    return database


def _run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["metrics", *arguments])


def test_the_command_prints_or_writes_metrics(settings: str, tmp_path: Path) -> None:
    """The same on standard output and in the file, which is there whole and readable by others."""
    load_values(settings, CHARTS, [b"{broken"])
    printed = _run()
    assert printed.exit_code == 0, printed.exception
    file = tmp_path / "trendscript.prom"
    assert _run("--textfile", str(file)).exit_code == 0
    written = samples_of(file.read_text(encoding="utf-8"))
    assert written == samples_of(printed.stdout)
    assert written[at("messages_total", topic="charts", kind="load", outcome="quarantined")] == 1
    assert [found.name for found in tmp_path.iterdir()] == ["trendscript.prom"]
    assert file.stat().st_mode & 0o044


def test_the_command_tells_what_is_down(settings: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file says so for whoever watches, and the exit code for whoever schedules it."""
    assert settings
    file = tmp_path / "trendscript.prom"
    monkeypatch.setenv("POSTGRES_PORT", "9")
    result = _run("--textfile", str(file))
    assert isinstance(result.exception, ServerUnreachable)
    assert samples_of(file.read_text(encoding="utf-8")) == {at("ledger_up"): 0, at("kafka_up"): 0}


@pytest.mark.parametrize(("name", "words"), [("metrics.txt", r"\.prom"), ("nowhere/metrics.prom", "can't be written")])
def test_a_file_that_cannot_be_is_refused(settings: str, tmp_path: Path, name: str, words: str) -> None:
    """One that node_exporter would not read, or in no folder."""
    assert settings
    result = _run("--textfile", str(tmp_path / name))
    assert re.search(words, str(result.exception))
    assert isinstance(result.exception, UsageError) == name.endswith(".txt")
