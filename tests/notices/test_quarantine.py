"""Quarantine that people are told of: by topic and reason, each message once, with the numbers of the ledger."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2.extensions import cursor as PlainCursor  # noqa: N812  (psycopg2 spells its classes small)

from spark_jobs.retry import retry_letters
from tests.builders import a_chart_message, to_bytes
from tests.notices.conftest import BROKEN
from tests.spark_jobs.quarantined import CHARTS, a_job, load_values
from trendscript.notices.memory import read_memories
from trendscript.notices.quarantine import read_quarantined

if TYPE_CHECKING:
    from tests.notices.conftest import Told


def test_quarantine_is_told_once_with_the_ledgers_numbers(told: Told) -> None:
    """By topic and reason, with the run that planned it; the same again waits three hours and is told in one."""
    load_values(told.dsn, CHARTS, [BROKEN, None, BROKEN, to_bytes(a_chart_message())])
    told.tell(notify_on="quarantine")
    (text,) = told.texts()
    counted = told.execute("select reason, count(*) from pipeline.dead_letter group by 1 order by 2 desc, 1")
    assert "".join(f"  {count} {reason}\n" for reason, count in counted) in text
    ((total, batch, run),) = told.execute(
        "select sum(quarantined)::int, max(batch_id), max(run_id) "
        "from pipeline.batch join pipeline.batch_range using (batch_id)"
    )
    assert text.startswith("Trendscript: 3 messages quarantined\ncharts: 3 messages quarantined\n")
    assert total == 3
    assert f"batch {batch} of run {run}." in text
    told.tell(notify_on="quarantine")
    load_values(told.dsn, CHARTS, [BROKEN], first_offset=4)
    load_values(told.dsn, CHARTS, [BROKEN], first_offset=5)
    told.tell(notify_on="quarantine")
    assert told.texts() == []
    told.grow_older(3)
    told.tell(notify_on="quarantine")
    (later,) = told.texts()
    assert "charts: 2 messages quarantined\n  2 not_json\n" in later


def test_a_new_reason_is_told_at_once(told: Told) -> None:
    """With what waited."""
    load_values(told.dsn, CHARTS, [BROKEN])
    told.tell()
    load_values(told.dsn, CHARTS, [BROKEN], first_offset=1)
    told.texts()
    load_values(told.dsn, CHARTS, [b"[]"], first_offset=2)
    told.tell()
    (text,) = told.texts()
    assert "charts: 2 messages quarantined\n  1 not_an_object\n  1 not_json\n" in text


def test_what_is_refused_again_as_before_is_no_news(told: Told) -> None:
    """By a replay or a retry; what they refuse for another reason is."""
    load_values(told.dsn, CHARTS, [BROKEN, None])
    told.tell()
    retry_letters(a_job(told.dsn), CHARTS, None)
    told.grow_older(3)
    told.texts()
    told.tell()
    assert told.texts() == []
    load_values(told.dsn, CHARTS, [BROKEN, b"[]"], kind="replay")
    told.tell()
    (text,) = told.texts()
    assert "charts: 1 message quarantined by a replay\n  1 not_an_object\n" in text


def test_an_old_ledger_is_not_told_from_its_beginning(told: Told) -> None:
    """Whoever asks to be told today hears of the last day."""
    load_values(told.dsn, CHARTS, [BROKEN])
    told.execute("update pipeline.batch set planned_at = planned_at - interval '25 hours'")
    told.tell()
    load_values(told.dsn, CHARTS, [None], first_offset=1)
    told.tell()
    (text,) = told.texts()
    assert "charts: 1 message quarantined\n  1 tombstone\n" in text


def test_a_batch_that_is_committed_meanwhile_is_told_next_time(told: Told) -> None:
    """What is counted is what is remembered as told."""

    class Meddling(PlainCursor):
        """Before messages are counted, somebody else commits a batch with one more."""

        def execute(self, query: Any, values: Any = None) -> None:
            if "sum(r.quarantined)" in str(query):
                load_values(told.dsn, CHARTS, [BROKEN], first_offset=1)
            super().execute(query, values)

    first = load_values(told.dsn, CHARTS, [BROKEN])
    with closing(psycopg2.connect(told.dsn)) as connection, connection.cursor(cursor_factory=Meddling) as cursor:
        news, changed = read_quarantined(cursor, read_memories(cursor), datetime.now(UTC))
    assert [one.count for one in news] == [1]
    assert changed["quarantine", "charts", ""].facts == {"until_batch": first}
