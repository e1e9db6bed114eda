"""Retrying dead letters after a contract was mended: a real quarantine, no Kafka and no Spark."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from spark_jobs import ledger
from spark_jobs.batch import OffsetRange
from spark_jobs.discard import discard_letters
from spark_jobs.job import LoadJob
from spark_jobs.lease import LeaseLost, TopicTaken, take_lease
from spark_jobs.lease_holders import TopicBusy
from spark_jobs.plan import resume
from spark_jobs.retry import BatchUnfinished, rehearse_retry, retry_letters
from spark_jobs.run_batch import run_next_batch
from spark_jobs.topic_state import TopicIdentity
from tests.builders import a_chart_message, query, to_bytes
from tests.spark_jobs.intruder import Intruder
from tests.spark_jobs.quarantined import CHARTS, Killed, a_job, as_writer, kill_at, load_values, under
from trendscript.contracts.model import Limits
from trendscript.postgres import connect

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark_jobs.report import TopicReport

TIGHT = under(CHARTS, title={"limits": Limits(max_length=3)})
LONG = to_bytes(a_chart_message("a" * 11))
OTHER = to_bytes(a_chart_message("b" * 11))
SHORT = to_bytes(a_chart_message("c" * 11, snippet={"title": "Hi"}))
BROKEN = b"{broken"


def letters(dsn: str) -> list[tuple[Any, ...]]:
    """Partition, offset, state, reason and closing batch of each letter."""
    return query(
        dsn,
        'select partition, "offset", state, reason, closed_by_batch from pipeline.dead_letter '
        'order by topic_id, partition, "offset"',
    )


def videos(dsn: str) -> list[str]:
    """Titles of the videos that are in the table."""
    return [video for (video,) in query(dsn, "select left(video_id, 1) from processed.video order by 1")]


def retry(dsn: str, reason: str | None = None, **changes: Any) -> TopicReport:
    """Retry under the mended contract."""
    return retry_letters(a_job(dsn, **changes), CHARTS, reason)


def test_accepted_letters_are_closed_and_the_others_keep_their_newest_reason(database: str) -> None:
    """Rows and closing in one batch; no position moves, and what was loaded before is not touched."""
    load_values(database, TIGHT, [LONG, SHORT, BROKEN, OTHER])
    query(database, "update pipeline.dead_letter set reason = 'too_deep' where reason = 'not_json'")
    assert videos(database) == ["c"]

    report = retry(database)

    (batch,) = report.batches
    assert (batch.kind, batch.messages.read, batch.messages.accepted, batch.messages.quarantined) == ("retry", 3, 2, 1)
    assert letters(database) == [
        (0, 0, "closed", "too_long:title", batch.batch_id),
        (0, 2, "open", "not_json", None),
        (0, 3, "closed", "too_long:title", batch.batch_id),
    ]
    assert videos(database) == ["a", "b", "c"]
    assert query(database, "select next_offset from pipeline.position") == [(4,)]
    assert query(database, "select kind, source, state from pipeline.batch order by batch_id")[-1] == (
        "retry",
        "quarantine",
        "committed",
    )


def test_bytes_of_a_letter_that_is_refused_again_stay(database: str) -> None:
    """With key, headers and time: a retry reads nothing but values."""
    load_values(database, TIGHT, [BROKEN])
    kept = "select message_key, message_value, headers, message_timestamp, reason, batch_id from pipeline.dead_letter"
    before = str([[bytes(v) if isinstance(v, memoryview) else v for v in row] for row in query(database, kept)])
    retry(database)
    assert str([[bytes(v) if isinstance(v, memoryview) else v for v in row] for row in query(database, kept)]) == before


def test_only_letters_with_the_reason_are_retried(database: str) -> None:
    """Others of the same range stay open, though they would be accepted now."""
    load_values(database, TIGHT, [LONG, BROKEN, OTHER])
    query(database, "update pipeline.dead_letter set reason = 'other:title' where \"offset\" = 2")
    assert retry(database, "missing:rank").batches == ()
    report = retry(database, "too_long:title")
    assert report.messages.read == 1
    assert [(offset, state) for _, offset, state, _, _ in letters(database)] == [
        (0, "closed"),
        (1, "open"),
        (2, "open"),
    ]


def test_discarded_letters_are_left_alone(database: str) -> None:
    """An operator has decided about them; with nothing open, nothing is done and that is said."""
    load_values(database, TIGHT, [LONG])
    discard_letters(database, ["charts/0/0"], "not wanted")
    report = retry(database)
    assert (report.batches, "nothing in quarantine" in report.note) == ((), True)
    assert videos(database) == []


def test_batches_are_bounded_and_each_letter_is_tried_once(database: str) -> None:
    """Over partitions, and of a topic that was made anew since; letters refused again don't go round for ever."""
    load_values(database, TIGHT, [BROKEN, LONG, BROKEN], topic_id="older")
    query(database, "update pipeline.topic set topic_id = 'topic-id'")
    for partition in (0, 2):
        load_values(database, TIGHT, [LONG, BROKEN, BROKEN], partition=partition)

    report = retry(database, max_messages=2)

    assert [batch.messages.read for batch in report.batches] == [2, 1, 2, 2, 2]
    assert report.messages.accepted == 3
    assert [state for _, _, state, _, _ in letters(database)].count("open") == 6
    assert query(database, "select distinct topic_id from pipeline.batch where kind = 'retry' order by 1") == [
        ("older",),
        ("topic-id",),
    ]


@pytest.mark.parametrize("step", ["load", "finish"])
@pytest.mark.parametrize("runner", ["retry", "load"])
def test_a_retry_that_was_killed_is_finished_by_who_comes_next(database: str, step: str, runner: str) -> None:
    """As it was planned, by another retry or by a load; each letter has one outcome."""
    load_values(database, TIGHT, [LONG, BROKEN, OTHER])
    with pytest.raises(Killed):
        retry(database, "too_long:title", on_step=kill_at(step))
    assert query(database, "select state from pipeline.batch where kind = 'retry'") == [("planned",)]
    report = retry(database).batches[0] if runner == "retry" else finish_by_load(database)
    assert (report.kind, report.messages.read, report.messages.accepted) == ("retry", 2, 2)
    assert [state for _, _, state, _, _ in letters(database)] == ["closed", "open", "closed"]
    assert query(database, "select count(*) from pipeline.batch where state = 'planned'") == [(0,)]


def finish_by_load(dsn: str) -> Any:
    """What a load does with a batch that was left unfinished; of Spark a retry's needs no more than to be alive."""

    def no_kafka() -> Any:
        raise AssertionError

    def plan(connection: Any) -> Any:
        with connection, connection.cursor() as cursor:
            return resume(cursor, "charts", no_kafka)

    job = LoadJob(
        dsn=as_writer(dsn),
        bootstrap_servers="",
        client_properties=None,
        max_messages=10,
        spark=cast("SparkSession", SimpleNamespace(sparkContext=SimpleNamespace(defaultParallelism=1))),
        lake=None,
    )
    return run_next_batch(job, CHARTS, plan)


def test_a_load_that_was_left_unfinished_comes_first(database: str) -> None:
    """It needs Spark and Kafka, so that a retry says who has to finish it, and does nothing."""
    load_values(database, TIGHT, [LONG])
    identity = TopicIdentity("charts", "cluster", "topic-id")
    with connect(database, application_name="test") as connection, connection.cursor() as cursor:
        ledger.save_plan(cursor, identity, CHARTS, (OffsetRange(0, 1, 2),))
    connection.close()
    with pytest.raises(BatchUnfinished, match="`trendscript load charts`") as unfinished:
        retry(database)
    assert unfinished.value.exit_code == 75
    assert letters(database)[0][2] == "open"


def test_a_retry_overwrites_nothing_of_an_equal_version(database: str) -> None:
    """Only a replay does: of two messages of one time, that with the higher hash stands, whichever was retried."""
    names = [letter * 11 for letter in "abcdefgh"]
    load_values(database, TIGHT, [to_bytes(a_chart_message(name)) for name in names])
    load_values(
        database, CHARTS, [to_bytes(a_chart_message(name, snippet={"title": "Hi"})) for name in names], first_offset=8
    )
    counts = retry(database).tables["processed.video"]
    titles = [title for (title,) in query(database, "select title from processed.video")]
    assert (counts.updated, counts.stale) == (titles.count("A title"), titles.count("Hi"))
    assert counts.stale > 0
    assert counts.updated > 0


def test_a_retry_stands_back(database: str) -> None:
    """While somebody works on the topic."""
    load_values(database, TIGHT, [LONG])
    with take_lease(database, "charts"), pytest.raises(TopicBusy):
        retry(database)


def test_a_retry_that_lost_its_lease_leaves_the_others_batch_alone(database: str) -> None:
    """A passing fault, and another runner has the topic when it is over: nothing of that one's is ended or resumed."""
    load_values(database, TIGHT, [LONG])
    with (
        Intruder(database, OffsetRange(7, 0, 1), kind="retry", source="quarantine") as intruder,
        pytest.raises(LeaseLost, match="broke, and now charts is being worked on by"),
    ):
        retry(database, on_step=intruder.at("plan"))
    assert intruder.planned() == "planned"
    assert letters(database)[0][2] == "open"


def test_a_retry_takes_no_other_retry_for_its_own(database: str) -> None:
    """Also where the lease seems to be held still; the letters that it was asked for would never be tried."""
    load_values(database, TIGHT, [LONG])
    intruder = Intruder(database, OffsetRange(7, 0, 1), kind="retry", source="quarantine", ends_lease=False)
    with pytest.raises(TopicTaken, match="a retry, meanwhile") as taken:
        retry(database, on_step=intruder.at("plan"))
    assert taken.value.exit_code == 75
    assert intruder.planned() == "planned"


def test_a_rehearsal_leaves_no_trace(database: str) -> None:
    """It counts what a retry would do; letters, tables and ledger stay."""
    load_values(database, TIGHT, [LONG, BROKEN])
    load_values(database, TIGHT, [OTHER], partition=1)
    before = letters(database), query(database, "select * from pipeline.batch order by 1")
    report = rehearse_retry(a_job(database), CHARTS, None)
    assert (report.messages.read, report.messages.accepted, report.messages.quarantined) == (3, 2, 1)
    assert report.tables["processed.video"].inserted == 2
    assert (letters(database), query(database, "select * from pipeline.batch order by 1")) == before
    assert videos(database) == []
    assert rehearse_retry(a_job(database), CHARTS, "missing:rank").batches == ()
