"""Reconciling a real database, loaded without Kafka and Spark: what agrees, and what each kind of damage shows."""

from __future__ import annotations

import tracemalloc
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg2
import pytest

from spark_jobs import ledger
from spark_jobs.batch import OffsetRange
from spark_jobs.discard import discard_letters
from spark_jobs.reconcile import reconcile
from spark_jobs.reconcile_display import to_rows
from spark_jobs.reconcile_ledger import read_ledger
from spark_jobs.retry import retry_letters
from spark_jobs.topic_state import TopicIdentity
from tests.builders import a_bare_chart_message, a_chart_message, query, to_bytes
from tests.spark_jobs.quarantined import CHARTS, a_job, as_writer, load_values, under
from trendscript.contracts import ContractNotFound, load_contract
from trendscript.contracts.model import Limits

if TYPE_CHECKING:
    from spark_jobs.reconciliation import Comparison

TIGHT = under(CHARTS, title={"limits": Limits(max_length=3)})
LONG = to_bytes(a_chart_message("a" * 11))
OTHER = to_bytes(a_chart_message("b" * 11))
SHORT = to_bytes(a_chart_message("c" * 11, snippet={"title": "Hi"}))
BARE = to_bytes(a_bare_chart_message("d" * 11))
BROKEN = b"{broken"
IDENTITY = TopicIdentity("charts", "cluster", "topic-id")


def differences(dsn: str, *topics: str) -> tuple[str, ...]:
    """What differs, as the role that commands run as sees it."""
    return reconcile(as_writer(dsn), topics).differences


def compared(dsn: str, what: str) -> list[tuple[str, int | None, int, int | None, int]]:
    """Subject, partition, what the ledger says (least and most), and what was found, of one kind of comparison."""
    found: tuple[Comparison, ...] = reconcile(as_writer(dsn)).comparisons
    return [(one.subject, one.partition, one.ledger, one.at_most, one.found) for one in found if one.what == what]


def load_two_partitions(dsn: str) -> None:
    """Eight messages of which four are refused; a stub, a row that comes twice, an unfinished business of each kind."""
    load_values(dsn, TIGHT, [LONG, SHORT, BROKEN, SHORT])
    load_values(dsn, TIGHT, [BARE, OTHER], partition=1)
    load_values(dsn, TIGHT, [SHORT, BROKEN], partition=1, first_offset=2)


def test_what_was_loaded_agrees(database: str) -> None:
    """Offsets, messages, letters and rows are counted, a partition at a time; nothing is read in place of nothing."""
    assert reconcile(as_writer(database)).comparisons == ()
    load_two_partitions(database)

    assert differences(database) == ()
    assert compared(database, "offsets") == [("charts", 0, 4, None, 4), ("charts", 1, 4, None, 4)]
    assert compared(database, "messages") == [("charts", 0, 4, None, 4), ("charts", 1, 4, None, 4)]
    assert compared(database, "dead letters") == [("charts", 0, 2, None, 2), ("charts", 1, 2, None, 2)]
    rows = {subject: (there, found) for subject, _, there, _, found in compared(database, "rows")}
    assert rows == {
        "processed.video": (2, 2),
        "processed.chart_entry": (2, 2),
        "processed.chart_reading": (1, 1),
    }


def test_letters_that_were_retried_discarded_or_met_again_are_accounted_for(database: str) -> None:
    """Closed letters wait no longer, discarded ones stay, and a replay refuses what it refuses."""
    load_two_partitions(database)
    discard_letters(database, ["charts/0/2"], "broken for good")
    retry_letters(a_job(database), CHARTS, "too_long:title")
    assert differences(database) == ()
    assert compared(database, "dead letters") == [("charts", 0, 1, None, 1), ("charts", 1, 1, None, 1)]

    load_values(database, TIGHT, [LONG, SHORT, BROKEN, SHORT], kind="replay")
    load_values(database, CHARTS, [OTHER, SHORT], partition=1, first_offset=1, kind="replay")

    assert differences(database) == ()
    assert compared(database, "dead letters") == [("charts", 0, 2, None, 2), ("charts", 1, 0, 1, 1)]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (
            "delete from processed.chart_entry where left(video_id, 1) = 'c'",
            "processed.chart_entry: 2 rows by the ledger, 1 there",
        ),
        (
            (
                "insert into processed.chart_reading select 'DE', category_id, captured_at, size, source, row_digest, "
                "source_partition, source_offset, batch_id from processed.chart_reading"
            ),
            "processed.chart_reading: 1 rows by the ledger, 2 there",
        ),
        ("update processed.chart_entry set batch_id = 7 where left(video_id, 1) = 'c'", "such as batch 7, partition "),
        (
            "update processed.chart_entry set source_offset = 99 where left(video_id, 1) = 'c'",
            "offsets that it did not read",
        ),
        ("update processed.video set source_offset = null", "0 stubs made by batch"),
        (
            "update processed.video set batch_id = null, source_partition = null",
            "0 emptied by purges by the ledger, 2 there",
        ),
        ("drop table processed.chart_reading cascade", "processed.chart_reading: the table is not there"),
        (
            "update pipeline.position set next_offset = 9 where partition = 0",
            "charts, partition 0: offsets 4 to 8: neither loaded nor given up, though the position is 9",
        ),
        (
            "update pipeline.position set next_offset = 3 where partition = 1",
            "charts, partition 1: offset 3: loaded, though the position is only 3",
        ),
        ("delete from pipeline.position where partition = 0", "the ledger has no position"),
        (
            'delete from pipeline.dead_letter where partition = 0 and "offset" = 2',
            "charts, partition 0: offsets 0 to 3: 2 waiting in quarantine by the ledger, 1 there",
        ),
        (
            (
                "update pipeline.dead_letter set state = 'closed', closed_at = now(), closed_by_batch = batch_id "
                'where partition = 1 and "offset" = 3'
            ),
            "charts, partition 1: offsets 2 to 3: 1 waiting in quarantine by the ledger, 0 there",
        ),
        (
            'update pipeline.dead_letter set "offset" = 44 where partition = 0 and "offset" = 2',
            "offset 44: refused by batch",
        ),
        (
            "update pipeline.batch_range set committed_at = null where partition = 0",
            "is committed, and its range of this partition is not",
        ),
        ("delete from pipeline.batch_range where partition = 1 and from_offset = 2", "neither loaded nor given up"),
        (
            (
                "insert into pipeline.batch_range (batch_id, partition, from_offset, until_offset, committed_at, read, "
                "accepted, quarantined, skipped, tables) select max(batch_id), 0, 1, 3, now(), 2, 2, 0, 0, '{}' "
                "from pipeline.batch"
            ),
            "charts, partition 0: offsets 1 to 2: loaded twice",
        ),
        (
            "update pipeline.batch_range set read = null where partition = 0",
            "doesn't say what became of each message of offsets 0 to 3",
        ),
    ],
)
def test_each_kind_of_damage_is_found(database: str, damage: str, words: str) -> None:
    """Done by hand to a sound database; the sentence says what, where and how much."""
    load_two_partitions(database)
    query(database, damage)
    found = differences(database)
    assert any(words in difference for difference in found), found


def test_gaps_that_an_operator_accepted_are_no_difference(database: str) -> None:
    """Offsets that expired were given up; where a Kafka was restored the same offsets are loaded twice."""
    load_values(database, TIGHT, [SHORT, BROKEN, SHORT])
    gap = (
        "insert into pipeline.accepted_gap (topic, topic_id, partition, from_offset, until_offset, fault, decided_by, "
        "why) values ('charts', 'topic-id', 0, %s, %s, %s, 'me', 'a test')"
    )
    query(database, "update pipeline.position set next_offset = 5")
    assert differences(database) == (
        "charts, partition 0: offsets 3 to 4: neither loaded nor given up, though the position is 5.",
    )
    query(database, gap, [3, 5, "OffsetsExpired"])
    load_values(database, TIGHT, [SHORT, BROKEN], first_offset=5)
    assert differences(database) == ()

    query(database, "update pipeline.position set next_offset = 6")
    query(database, "update pipeline.dead_letter set topic_id = topic_id || ' before 2026' where \"offset\" >= 6")
    assert "charts, partition 0: offset 6: loaded, though the position is only 6." in differences(database)
    query(database, gap, [6, 7, "PositionAhead"])
    assert differences(database) == ()
    load_values(database, TIGHT, [SHORT, SHORT, BROKEN], first_offset=6)
    assert differences(database) == ()
    assert compared(database, "dead letters")[0][2:] == (2, 3, 2)


def test_a_topic_that_was_made_anew_is_compared_under_both_its_ids(database: str) -> None:
    """What the old one held stays accounted for, and its end is not asked for."""
    load_values(database, TIGHT, [SHORT, BROKEN], topic_id="older")
    query(database, "update pipeline.topic set topic_id = 'topic-id'")
    query(
        database,
        "insert into pipeline.accepted_gap (topic, topic_id, partition, from_offset, until_offset, fault, decided_by, "
        "why) values ('charts', 'older', 0, 2, null, 'TopicRecreated', 'me', 'a test')",
    )
    load_values(database, TIGHT, [BARE, LONG, SHORT])
    assert differences(database) == ()
    query(database, "delete from pipeline.dead_letter where topic_id = 'older'")
    assert differences(database) == (
        "charts, partition 0: offsets 0 to 1: 1 waiting in quarantine by the ledger, 0 there.",
    )


def test_an_unfinished_batch_is_said_and_no_difference(database: str) -> None:
    """Ranges that are open hold nothing; those of an abandoned batch that were committed stay loaded."""
    batch_id = load_values(database, TIGHT, [SHORT, BROKEN])
    with closing(psycopg2.connect(database)) as connection, connection, connection.cursor() as cursor:
        planned = ledger.save_plan(cursor, IDENTITY, CHARTS, (OffsetRange(0, 2, 4), OffsetRange(1, 0, 3)))
    found = reconcile(as_writer(database))
    assert found.differences == ()
    assert found.notes == (f"charts: batch {planned.batch_id} is under way or was left unfinished; load finishes it.",)

    query(
        database, "update pipeline.batch set state = 'abandoned', committed_at = null where batch_id = %s", [batch_id]
    )
    assert differences(database) == ()


def test_tables_that_two_topics_feed_are_counted_over_both(database: str) -> None:
    """One makes the stub, the other fills it; asked for one topic alone, the table still adds up."""
    load_values(database, TIGHT, [BARE])
    videos = replace(load_contract("youtube_video"), topic="videos")
    item = {"id": "d" * 11, "snippet": {"title": "Filled"}, "statistics": {"viewCount": "5"}}
    message = {"source": "youtube_api", "captured_at": "2026-11-20T12:00:00Z", "video_id": "d" * 11, "item": item}
    load_values(database, videos, [to_bytes(message)], topic_id="videos-id")
    assert query(database, "select title from processed.video") == [("Filled",)]
    assert differences(database) == differences(database, "videos") == ()
    query(
        database,
        "delete from processed.video_statistics; delete from processed.chart_entry; delete from processed.video",
    )
    assert [difference.split(":")[0] for difference in differences(database, "videos")] == [
        "processed.video",
        "processed.video_statistics",
    ]


def test_children_that_a_newer_parent_replaced_are_accounted_for(database: str) -> None:
    """Those that went are in the ledger as deleted, and are no loss."""
    contract = load_contract("youtube_transcription")

    def a_transcript(minute: int, *texts: str) -> bytes:
        segments = [{"start": at, "end": at + 1, "text": text} for at, text in enumerate(texts)]
        item = {"transcription_id": "f" * 64, "method": "speech", "status": "transcribed", "segments": segments}
        captured_at = f"2026-11-20T12:{minute:02}:00Z"
        return to_bytes(
            {"source": "transcriber", "captured_at": captured_at, "video_id": "a" * 11, "item": item | {"text": "x"}}
        )

    load_values(database, contract, [a_transcript(0, "one", "two", "three")], topic_id="id")
    load_values(database, contract, [a_transcript(1, "one", "other")], first_offset=1, topic_id="id")
    assert query(database, "select count(*) from processed.transcript_segment") == [(2,)]
    assert differences(database) == ()
    query(database, "delete from processed.transcript_segment where position = 0")
    assert differences(database) == ("processed.transcript_segment: 2 rows by the ledger, 1 there.",)


def test_a_topic_that_nobody_knows_is_a_misspelling(database: str) -> None:
    """One with a contract was only never loaded."""
    assert reconcile(as_writer(database), ["youtube_channel"]).differences == ()
    with pytest.raises(ContractNotFound):
        reconcile(as_writer(database), ["youtube_chanel"])


def test_the_table_has_a_row_a_partition_only_where_it_differs(database: str) -> None:
    """Sums of a topic first, bounds where only bounds are known."""
    load_two_partitions(database)
    query(database, "delete from pipeline.dead_letter where partition = 1")
    rows = list(to_rows(reconcile(as_writer(database), ["charts"])))
    assert rows[:5] == [
        ("charts", "offsets", "8", "8", ""),
        ("charts", "messages", "8", "8", ""),
        ("charts", "dead letters", "4", "2", "differs"),
        ("  partition 1", "dead letters", "2", "0", "differs"),
        ("processed.chart_entry", "rows", "2", "2", ""),
    ]


def test_a_long_ledger_is_held_by_little(database: str) -> None:
    """A range costs no more than its own numbers, whatever tables it wrote to: there may be millions."""
    load_values(database, CHARTS, [to_bytes(a_chart_message())])
    query(
        database,
        """
        insert into pipeline.batch_range
            (batch_id, partition, from_offset, until_offset, committed_at, read, accepted, quarantined, skipped, tables)
        select batch_id, n, 0, 1, committed_at, read, accepted, quarantined, skipped, tables
        from pipeline.batch_range cross join generate_series(1, 20000) as n
        """,
    )
    with closing(psycopg2.connect(database)) as connection, connection, connection.cursor() as cursor:
        tracemalloc.start()
        try:
            found = read_ledger(cursor, "charts")
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert len(found.ranges) == 20001
    assert most / len(found.ranges) < 1000
