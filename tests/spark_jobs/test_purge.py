"""Purging a real database: what is too old goes from tables and quarantine, and the ledger still adds up; no Spark."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest
from typer.testing import CliRunner

from spark_jobs import ledger
from spark_jobs.batch import OffsetRange
from spark_jobs.lease import LeaseLost, take_lease
from spark_jobs.lease_holders import TopicBusy
from spark_jobs.purge import JanitorNeeded, PurgeReport, purge_topic, rehearse_purge
from spark_jobs.purge_letters import find_old_letters, purge_letters, read_origin
from spark_jobs.purge_tables import Doomed, PurgedTable, lock_tables, purge_tables
from spark_jobs.reconcile import reconcile
from spark_jobs.retry import BatchUnfinished
from spark_jobs.topic_state import TopicIdentity
from tests.builders import a_bare_chart_message, a_chart_message, query, to_bytes
from tests.spark_jobs.intruder import Intruder
from tests.spark_jobs.quarantined import CHARTS, a_job, load_values
from trendscript.cli.main import app
from trendscript.contracts import load_contract, load_contracts
from trendscript.errors import UsageError

if TYPE_CHECKING:
    from spark_jobs.job import Job
    from trendscript.contracts import Contract

OLD, NEW = "2026-10-01T00:00:00Z", "2026-11-20T00:00:00Z"
BEFORE = datetime(2026, 11, 1, tzinfo=UTC)
DOOMED = Doomed(BEFORE)
_LOCKS = """
    select count(*)::int from pg_locks
    where relation = %s::regclass and granted = %s and database = (
        select oid from pg_database where datname = current_database()
    )
"""
SPEECH = replace(load_contract("youtube_transcription"), topic="speech")


def an_entry(letter: str, captured_at: str, *, bare: bool = False, **changes: Any) -> bytes:
    """A chart's entry of a video whose id is one letter."""
    make = a_bare_chart_message if bare else a_chart_message
    return to_bytes(make(letter * 11, captured_at=captured_at, region_code=changes.pop("region", "FR"), **changes))


def a_transcript(letter: str, captured_at: str) -> bytes:
    """A transcript of two sentences of the same video."""
    segments = [{"start": at, "end": at + 1, "text": "a sentence"} for at in range(2)]
    item = {"transcription_id": letter * 64, "method": "speech", "status": "transcribed", "segments": segments}
    return to_bytes({"source": "transcriber", "captured_at": captured_at, "video_id": letter * 11, "item": item})


def as_janitor(dsn: str) -> str:
    """The superuser's address as that of the role that deletes."""
    return re.sub(r"//postgres(:[^@]*)?@", "//pipeline_janitor@", dsn)


def purge(dsn: str, contract: Contract = CHARTS, doomed: Doomed = DOOMED, *, dry_run: bool = False) -> PurgeReport:
    """Purge a topic where there is no lake."""
    job: Job = replace(a_job(dsn), dsn=as_janitor(dsn))
    return (rehearse_purge if dry_run else purge_topic)(job, contract, doomed, None)


def videos(dsn: str) -> list[tuple[Any, ...]]:
    """The first letter and the title of each video."""
    return query(dsn, "select left(video_id, 1), title from processed.video order by 1")


def entries(dsn: str) -> list[tuple[Any, ...]]:
    """The first letter and the month of each chart entry."""
    return query(
        dsn, "select left(video_id, 1), extract(month from captured_at)::int from processed.chart_entry order by 1, 2"
    )


def agrees(dsn: str) -> bool:
    """Whether the ledger still says what is there."""
    found = reconcile(as_janitor(dsn))
    assert found.differences == ()
    return True


def test_what_is_old_goes_and_what_is_young_stays(database: str) -> None:
    """A video that a younger entry points at keeps its id alone; one that nothing points at goes whole."""
    load_values(
        database,
        CHARTS,
        [
            an_entry("a", OLD),
            an_entry("b", OLD),
            an_entry("b", NEW, bare=True),
            an_entry("c", NEW),
            an_entry("c", OLD, rank=2),
            an_entry("d", OLD, bare=True),
        ],
    )

    report = purge(database)

    assert entries(database) == [("b", 11), ("c", 11)]
    assert videos(database) == [("b", None), ("c", "A title")]
    assert report.tables == {
        "processed.chart_reading": PurgedTable(1),
        "processed.chart_entry": PurgedTable(4),
        "processed.video": PurgedTable(2, 1),
    }
    assert query(database, "select row_digest, source_offset, batch_id from processed.video where title is null") == [
        (None, None, None)
    ]
    assert agrees(database)


def test_a_lake_that_is_not_at_hand_is_left_to_the_next_purge(database: str) -> None:
    """What was loaded into a lake is still to be deleted there, however often a purge runs without it."""
    batch_id = load_values(database, CHARTS, [an_entry("a", OLD)])
    query(database, "update pipeline.batch set in_lake = true where batch_id = %s", [batch_id])
    for _ in range(2):
        report = purge(database)
        assert report.lake is None
        assert "LAKE_PATH" in report.note
    assert query(database, "select finished_at from pipeline.purge") == [(None,), (None,)]


def test_every_deletion_is_written_down(database: str) -> None:
    """Who, when, what was older than what, and how much of each table; a second one finds nothing."""
    batch_id = load_values(database, CHARTS, [an_entry("a", OLD), an_entry("b", NEW)])
    purge(database, doomed=Doomed(BEFORE, "youtube_api"))
    (kept,) = query(
        database,
        "select topic, older_than, source, after_batch, tables, letters, requested_by, "
        "purged_at is not null and finished_at is not null from pipeline.purge",
    )
    assert kept == (
        "charts",
        BEFORE,
        "youtube_api",
        batch_id,
        {
            "processed.video": {"deleted": 1, "emptied": 0},
            "processed.chart_entry": {"deleted": 1, "emptied": 0},
            "processed.chart_reading": {"deleted": 1, "emptied": 0},
        },
        [],
        ledger.requester(),
        True,
    )
    assert set(purge(database).tables.values()) == {PurgedTable()}
    assert agrees(database)


def test_a_source_can_be_purged_alone(database: str) -> None:
    """Rows and quarantined messages of others stay, however old."""
    values = [an_entry("a", OLD), an_entry("b", OLD, source="kaggle"), an_entry("?", OLD), b"{broken"]
    load_values(database, CHARTS, values)
    report = purge(database, doomed=Doomed(BEFORE, "youtube_api"))
    assert (entries(database), report.letters) == ([("b", 10)], 1)
    assert query(database, 'select "offset" from pipeline.dead_letter') == [(3,)]
    assert agrees(database)


def test_transcripts_go_with_their_sentences(database: str) -> None:
    """Also those under a video that stays, which loses nothing by it."""
    load_values(database, SPEECH, [a_transcript("a", OLD), a_transcript("b", NEW)])
    report = purge(database, SPEECH)
    assert report.tables["processed.transcript_segment"] == PurgedTable(2)
    assert report.tables["processed.transcription"] == PurgedTable(1)
    assert report.tables["processed.video"] == PurgedTable(1)
    assert query(database, "select distinct left(transcription_id, 1) from processed.transcript_segment") == [("b",)]
    assert agrees(database)


def test_rows_of_other_topics_stay_until_their_own_purge(database: str) -> None:
    """What they point at stays as a stub; once nothing points at it, whichever purge comes next takes the stub."""
    load_values(database, CHARTS, [an_entry("a", OLD)])
    load_values(database, SPEECH, [a_transcript("a", OLD)], topic_id="speech-id")

    purge(database)
    assert videos(database) == [("a", None)]
    assert query(database, "select count(*) from processed.transcription") == [(1,)]
    assert agrees(database)

    purge(database, SPEECH)
    assert videos(database) == []
    assert agrees(database)


def test_old_messages_leave_quarantine(database: str) -> None:
    """As old as they say, else as Kafka says; closed and discarded ones too, and what is left still adds up."""
    old, new = an_entry("?", OLD), an_entry("?", NEW)
    load_values(database, CHARTS, [old, new, b"{broken", an_entry("a", NEW), old, to_bytes([OLD])])
    load_values(database, CHARTS, [new, old], partition=1)
    query(database, 'update pipeline.dead_letter set message_timestamp = null where partition = 0 and "offset" = 5')

    report = purge(database)

    assert report.letters == 4
    assert query(database, 'select partition, "offset" from pipeline.dead_letter order by 1, 2') == [
        (0, 1),
        (0, 5),
        (1, 0),
    ]
    assert agrees(database)
    query(database, "delete from pipeline.dead_letter where partition = 1")
    assert len(reconcile(as_janitor(database)).differences) == 1


def test_a_replay_after_a_purge_brings_rows_and_letters_back(database: str) -> None:
    """Which is how a purge that went too far is mended, while Kafka holds the messages; the ledger adds up."""
    values = [an_entry("a", OLD), an_entry("?", OLD), an_entry("b", NEW)]
    load_values(database, CHARTS, values)
    purge(database)
    load_values(database, CHARTS, values, kind="replay")
    assert entries(database) == [("a", 10), ("b", 11)]
    assert query(database, "select count(*) from pipeline.dead_letter") == [(1,)]
    assert agrees(database)
    purge(database)
    assert entries(database) == [("b", 11)]
    assert agrees(database)


def test_a_dry_run_counts_and_changes_nothing(database: str) -> None:
    """Its figures are those of the purge that follows."""
    load_values(database, CHARTS, [an_entry("a", OLD), an_entry("b", OLD), an_entry("b", NEW, bare=True), b"{broken"])
    before = (entries(database), videos(database))
    rehearsed = purge(database, dry_run=True)
    assert (entries(database), videos(database)) == before
    assert query(
        database, "select (select count(*) from pipeline.purge), (select count(*) from pipeline.dead_letter)"
    ) == [(0, 1)]
    assert purge(database) == rehearsed


def test_quarantine_is_read_before_tables_are_locked(database: str) -> None:
    """Messages of megabytes are many to read, and other topics' loads into the same tables go on meanwhile."""
    load_values(database, CHARTS, [an_entry("a", OLD), b"{broken"])
    with ThreadPoolExecutor(1) as pool:
        with closing(psycopg2.connect(database)) as reader, reader, reader.cursor() as cursor:
            cursor.execute("lock table pipeline.dead_letter in access exclusive mode")
            purging = pool.submit(purge, database)
            while query(database, _LOCKS, ["pipeline.dead_letter", False]) == [(0,)]:
                assert not purging.done()
            assert query(database, _LOCKS, ["processed.video", True]) == [(0,)]
        assert purging.result(60).tables["processed.video"] == PurgedTable(1)


@pytest.mark.parametrize(("ends_lease", "refusal"), [(True, LeaseLost), (False, BatchUnfinished)])
def test_a_purge_that_loses_its_topic_while_it_reads_deletes_nothing(
    database: str, refusal: type[Exception], *, ends_lease: bool
) -> None:
    """Reading takes minutes: whoever has planned a batch by then has rows to come, and positions of its own."""
    load_values(database, CHARTS, [an_entry("a", OLD), b"{broken"])
    with ThreadPoolExecutor(1) as pool, Intruder(database, OffsetRange(0, 2, 3), ends_lease=ends_lease) as intruder:
        with closing(psycopg2.connect(database)) as reader, reader, reader.cursor() as cursor:
            cursor.execute("lock table pipeline.dead_letter in access exclusive mode")
            purging = pool.submit(purge, database)
            while query(database, _LOCKS, ["pipeline.dead_letter", False]) == [(0,)]:
                assert not purging.done()
            intruder.come()
        with pytest.raises(refusal):
            purging.result(60)
    assert entries(database) == [("a", 10)]
    assert query(database, "select count(*) from pipeline.purge") == [(0,)]


def test_a_letter_that_took_the_place_of_an_old_one_stays(database: str) -> None:
    """After a restored Kafka another message may stand there, which nobody has found old."""
    load_values(database, CHARTS, [an_entry("?", OLD), an_entry("?", OLD)])
    with closing(psycopg2.connect(database)) as connection, connection, connection.cursor() as cursor:
        old = find_old_letters(connection, "charts", DOOMED)
        assert [offset for _, _, offset, _ in old] == [0, 1]
        query(
            database,
            'update pipeline.dead_letter set message_value = %s, message_timestamp = now() where "offset" = 0',
            [an_entry("?", NEW)],
        )
        (stretch,) = purge_letters(cursor, old)
    assert (stretch.from_offset, stretch.unclosed) == (1, 1)
    assert query(database, 'select "offset" from pipeline.dead_letter') == [(0,)]


def test_a_topic_that_is_at_work_is_left_alone(database: str) -> None:
    """While somebody holds it, and while a batch is unfinished, whose rows are still to come."""
    load_values(database, CHARTS, [an_entry("a", OLD)])
    with take_lease(database, "charts"), pytest.raises(TopicBusy):
        purge(database)
    with closing(psycopg2.connect(database)) as connection, connection, connection.cursor() as cursor:
        ledger.save_plan(cursor, TopicIdentity("charts", "cluster", "topic-id"), CHARTS, (OffsetRange(0, 1, 2),))
    with pytest.raises(BatchUnfinished):
        purge(database)
    assert entries(database) == [("a", 10)]


def test_a_loader_may_not_purge(database: str) -> None:
    """It has no right to delete, and the sentence says who has."""
    load_values(database, CHARTS, [an_entry("a", OLD)])
    with pytest.raises(JanitorNeeded, match="POSTGRES_USER=pipeline_janitor") as refused:
        purge_topic(a_job(database), CHARTS, DOOMED, None)
    assert refused.value.exit_code == 78
    with pytest.raises(psycopg2.errors.InsufficientPrivilege), closing(psycopg2.connect(database)) as connection:
        connection.cursor().execute("set session authorization pipeline_writer; update pipeline.purge set source = ''")


def test_a_topic_that_was_never_loaded_has_nothing_to_purge(database: str) -> None:
    """And nothing is written down of it."""
    assert purge(database) == PurgeReport("charts", note="charts: nothing of it was ever loaded")
    assert query(database, "select count(*) from pipeline.purge") == [(0,)]


def test_a_load_that_points_at_a_parent_being_deleted_waits_and_ends_well(database: str) -> None:
    """Its row would otherwise point at nothing; it finds the parent gone and makes a stub of it."""
    load_values(database, CHARTS, [an_entry("a", OLD)])
    with (
        ThreadPoolExecutor(1) as pool,
        closing(psycopg2.connect(as_janitor(database))) as connection,
    ):
        with connection, connection.cursor() as cursor:
            contracts = load_contracts().values()
            lock_tables(cursor, CHARTS, contracts)
            purge_tables(cursor, CHARTS, contracts, DOOMED)
            loading = pool.submit(load_values, database, SPEECH, [a_transcript("a", NEW)], topic_id="speech-id")
            with pytest.raises(TimeoutError):
                loading.result(timeout=2)
        assert loading.result(timeout=60)
    assert videos(database) == [("a", None)]
    assert query(database, "select count(*) from processed.transcription") == [(1,)]


@pytest.mark.parametrize("age", ["0d", "-3d", "soon", "30", ""])
def test_an_age_that_makes_no_sense_is_refused(age: str) -> None:
    """Before any server is asked."""
    result = CliRunner().invoke(app, ["purge", f"--older-than={age}"])
    assert isinstance(result.exception, UsageError)


@pytest.mark.parametrize(
    ("value", "origin"),
    [
        (None, (None, None)),
        (b"\xff", (None, None)),
        (b"[1]", (None, None)),
        (b'{"source": 5, "captured_at": "yesterday"}', (None, None)),
        (b'{"source": "api", "captured_at": "2026-11-01"}', ("api", None)),
        (b'{"source": "api", "captured_at": "2026-11-01T01:00:00+01:00"}', ("api", BEFORE)),
    ],
)
def test_what_a_message_says_of_itself(value: bytes | None, origin: tuple[str | None, datetime | None]) -> None:
    """As far as it says anything that can be understood; what stands in quarantine may be anything."""
    assert read_origin(value) == origin
