"""What is told from the warehouse and the ledger: each thing once, with the numbers that SQL gives."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2.extensions import cursor as PlainCursor  # noqa: N812  (psycopg2 spells its classes small)

from spark_jobs.retry import retry_letters
from tests.builders import a_chart_message, to_bytes
from tests.notices.servers import mail_server
from tests.spark_jobs.quarantined import CHARTS, a_job, load_values
from tests.warehouse.rows import add, add_reading, add_video, day
from trendscript.errors import NeedsAPerson
from trendscript.notices.memory import read_memories
from trendscript.notices.news import Outcome
from trendscript.notices.quarantine import read_quarantined

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (a class with a lower-case name)

    from tests.notices.conftest import Told

_WAITING = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
BROKEN = b'{"broken'
FIRST, SECOND, THIRD = "a" * 11, "b" * 11, "c" * 11


class Mended(NeedsAPerson):
    """Raised by nobody: a failure with a name."""


@contextmanager
def _writing(told: Told) -> Iterator[Cursor]:
    with closing(psycopg2.connect(told.dsn)) as connection, connection, connection.cursor() as cursor:
        yield cursor


def _ago(**age: float) -> datetime:
    return datetime.now(UTC) - timedelta(**age)


def _read(told: Told, captured_at: datetime, *videos: str, region: str = "FR", size: int | None = None) -> None:
    with _writing(told) as cursor:
        add_reading(cursor, captured_at, videos, region=region, size=size)


def _leave_unfinished(told: Told) -> None:
    """A batch as a run that was killed three hours ago leaves it."""
    load_values(told.dsn, CHARTS, [to_bytes(a_chart_message())])
    told.execute(
        "update pipeline.batch set state = 'planned', committed_at = null, planned_at = planned_at - interval '3 hours'"
    )


def test_nothing_new_is_nothing_told(told: Told) -> None:
    """On a fresh warehouse, twice."""
    assert told.tell().message is None
    assert told.tell().message is None
    assert told.texts() == []


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


def test_a_new_number_one_is_told_with_title_and_link(told: Told) -> None:
    """Once; the same one at the next reading is no news, and what leads is what the view says."""
    with _writing(told) as cursor:
        add_video(cursor, SECOND, title="Slow\r\nTide @everyone", channel_title="Paper Lanterns")
    _read(told, _ago(hours=3), FIRST, SECOND)
    told.tell(notify_on="number_one")
    _read(told, _ago(hours=2), SECOND, FIRST)
    told.tell(notify_on="number_one")
    (text,) = told.texts()
    assert text.startswith("Trendscript: new number one in FR\nNew number one in FR (")
    assert ": Slow Tide \uff20everyone, by Paper Lanterns\n  https://youtu.be/bbbbbbbbbbb\n" in text
    assert told.execute("select url from trusted.current_chart where rank = 1") == [("https://youtu.be/" + SECOND,)]
    told.tell(notify_on="number_one")
    _read(told, _ago(minutes=90), SECOND, THIRD)
    told.tell(notify_on="number_one")
    assert told.texts() == []


def test_a_reading_that_is_not_whole_tells_nothing(told: Told) -> None:
    """Until its entries are there, or it is older than an hour, as the views have it."""
    _read(told, _ago(hours=3), FIRST)
    _read(told, _ago(minutes=10), SECOND, size=2)
    told.tell(notify_on="number_one")
    assert told.texts() == []
    with _writing(told) as cursor:
        cursor.execute("select captured_at from processed.chart_reading where size = 2")
        (captured_at,) = cursor.fetchone() or ()
        add_video(cursor, THIRD)
        chart = {"region_code": "FR", "category_id": "0", "captured_at": captured_at}
        add(cursor, "chart_entry", **chart, video_id=THIRD, rank=2)
    told.tell(notify_on="number_one")
    assert len(told.texts()) == 1


def test_a_chart_seen_for_the_first_time(told: Told) -> None:
    """Is compared with the one before it."""
    _read(told, _ago(hours=3), FIRST)
    _read(told, _ago(hours=2), SECOND)
    _read(told, _ago(hours=2), FIRST, region="DE")
    told.tell(notify_on="number_one")
    (text,) = told.texts()
    assert "new number one in FR\n" in text


def test_a_number_one_of_years_ago_is_only_remembered(told: Told) -> None:
    """Old files may be loaded at any time, a day after the other; what leads next is held against them."""
    _read(told, day(1), FIRST)
    _read(told, day(2), SECOND)
    told.tell(notify_on="number_one")
    _read(told, day(3), FIRST)
    told.tell(notify_on="number_one")
    assert told.texts() == []
    assert told.execute("select facts ->> 'video_id' from pipeline.notice") == [(FIRST,)]
    _read(told, _ago(hours=2), FIRST)
    told.tell(notify_on="number_one")
    assert told.texts() == []


def test_charts_of_categories_go_by_their_names(told: Told) -> None:
    """Each is a chart of its own."""
    with _writing(told) as cursor:
        add(cursor, "video_category", region_code="FR", category_id="10", title="Music", captured_at=day(1))
        for hours, video in ((3, FIRST), (2, SECOND)):
            chart = {"region_code": "FR", "category_id": "10", "captured_at": _ago(hours=hours)}
            add(cursor, "chart_reading", **chart, size=1)
            add_video(cursor, video)
            add(cursor, "chart_entry", **chart, video_id=video, rank=1)
    told.tell(notify_on="number_one")
    assert "new number one in FR Music\n" in told.texts()[0]


def test_an_old_chart_is_told_once_and_its_end_once(told: Told) -> None:
    """By region; those to be read that never were, too."""
    _read(told, _ago(hours=3), FIRST, region="US")
    _read(told, _ago(minutes=30), FIRST)
    told.tell(youtube_regions="FR,US,JP", notify_on="stale")
    (text,) = told.texts()
    assert text.startswith("Trendscript: old charts of US, JP\n")
    assert "  US: 3 h 0 min\n  JP: never\n" in text
    told.tell(youtube_regions="FR,US,JP", notify_on="stale")
    assert told.texts() == []
    _read(told, _ago(minutes=5), FIRST, region="US")
    told.tell(youtube_regions="FR,US,JP", notify_on="stale")
    (again,) = told.texts()
    assert again.startswith("Trendscript: US is well again\nUS: its charts are new again")
    told.grow_older(24)
    told.tell(youtube_regions="FR,US,JP", notify_on="stale")
    assert told.texts()[0].startswith("Trendscript: old charts of JP\n")


def test_what_is_old_is_said_by_a_setting(told: Told) -> None:
    """A region that nobody has read for a month was given up, unless it is to be read."""
    _read(told, _ago(hours=3), FIRST)
    _read(told, _ago(days=40), FIRST, region="US")
    assert told.tell(notify_stale_minutes=200, notify_on="stale").message is None
    told.tell(notify_on="stale")
    assert told.texts()[0].startswith("Trendscript: old charts of FR\n")


def test_a_failure_is_told_once_and_its_end_once(told: Told) -> None:
    """By name, with code and text, whoever tells; a load of something else says nothing of it."""
    failed = Outcome("load")
    failed.note("charts", Mended("Offset 3 is gone; publish it again."))
    told.tell(failed)
    told.tell(failed)
    told.tell()
    (text,) = told.texts()
    assert text.startswith(
        "Trendscript: load charts failed\nload charts failed: Mended (exit code 78)\n"
        "  Offset 3 is gone; publish it again.\n  Running it again changes nothing"
    )
    passed = Outcome("load", passed={"load", "load others"})
    told.tell(passed)
    assert told.texts() == []
    told.tell(Outcome("load", passed={"load", "load charts"}))
    assert told.texts()[0].startswith("Trendscript: load charts is well again\n")


def test_a_batch_that_nobody_finishes_is_told(told: Told) -> None:
    """A run that was killed tells nothing itself; unless that topic's load is known to fail."""
    _leave_unfinished(told)
    failed = Outcome("load")
    failed.note("charts", Mended("Gone."))
    assert "Unfinished" not in told.tell(failed, notify_on="failure").message.body  # type: ignore[union-attr]
    told.tell(Outcome("load", passed={"load charts"}), notify_on="failure")
    told.tell(notify_on="failure")
    unfinished = told.texts()[-1]
    assert "of charts failed: Unfinished" in unfinished
    assert "`trendscript load charts`" in unfinished
    told.execute("update pipeline.batch set state = 'committed', committed_at = now()")
    told.tell(notify_on="failure")
    assert "of charts is well again" in told.texts()[0]


def test_an_unfinished_batch_is_not_well_while_its_topic_fails(told: Told) -> None:
    """The failure says why it isn't finished; that it was told before changes nothing."""
    _leave_unfinished(told)
    told.tell(notify_on="failure")
    failed = Outcome("load")
    failed.note("charts", Mended("Gone."))
    told.tell(failed, notify_on="failure")
    told.tell(notify_on="failure")
    unfinished, failure = told.texts()
    assert "of charts failed: Unfinished" in unfinished
    assert failure.startswith("Trendscript: load charts failed\n")
    assert "well again" not in failure


def test_a_topic_whose_runs_are_all_killed_is_told_again(told: Told) -> None:
    """A failure that was told of an earlier run hides its unfinished batch for a day, not for ever."""
    _leave_unfinished(told)
    failed = Outcome("load")
    failed.note("charts", Mended("Gone."))
    told.tell(failed, notify_on="failure")
    told.tell(notify_on="failure")
    assert len(told.texts()) == 1
    told.grow_older(24)
    told.tell(notify_on="failure")
    (text,) = told.texts()
    assert "of charts failed: Unfinished" in text


def test_kinds_that_nobody_asked_for_are_not_told(told: Told) -> None:
    """NOTIFY_ON names the others."""
    load_values(told.dsn, CHARTS, [BROKEN])
    _read(told, _ago(hours=4), FIRST, region="US")
    _read(told, _ago(hours=3), SECOND, region="US")
    told.tell(notify_on="number_one")
    (text,) = told.texts()
    assert text.startswith("Trendscript: new number one in US\n")
    assert "quarantined" not in text
    assert "older" not in text


def test_what_nobody_took_is_told_next_time(told: Told) -> None:
    """It is remembered with the message, not before it."""
    load_values(told.dsn, CHARTS, [BROKEN])
    told.hook.code = 500
    assert told.tell().is_lost
    told.hook.code = 200
    told.texts()
    assert told.tell().told == ("address 1 of NOTIFY_URLS",)
    assert "1 message quarantined" in told.texts()[0]


def test_what_nobody_seems_to_take_is_not_sent_every_minute(told: Told) -> None:
    """A service may say no when one of several refused, and the others have it: after a while it comes hourly."""
    load_values(told.dsn, CHARTS, [BROKEN])
    told.hook.code = 500
    tried = []
    for minutes in range(0, 205, 5):
        told.tell(notify_on="quarantine")
        tried += [minutes] * len(told.texts())
        told.grow_older(5 / 60)
    assert tried[:2] == [0, 5]
    assert 5 <= len(tried) <= 8
    assert all(later - earlier <= 65 for earlier, later in pairwise(tried))
    told.hook.code = 200
    told.grow_older(1)
    assert told.tell(notify_on="quarantine").told
    load_values(told.dsn, CHARTS, [b"[]"], first_offset=1)
    assert told.tell(notify_on="quarantine").told
    assert len(told.texts()) == 2


def test_a_mail_that_some_took_is_told_once(told: Told) -> None:
    """The one whom the server refuses is named as a number in the log, and nobody else hears it twice."""
    load_values(told.dsn, CHARTS, [BROKEN])
    with mail_server() as server:
        server.refused = ("bob@example.org",)
        mail: dict[str, Any] = {
            "smtp_server": "127.0.0.1",
            "smtp_port": server.port,
            "email_receiver": "ada@example.org,bob@example.org",
        }
        notice = told.tell(notify_urls="", notify_on="quarantine", **mail)
        assert notice.told == ("EMAIL_RECEIVER",)
        assert notice.failed == (("EMAIL_RECEIVER", "1 of 2 receivers were refused"),)
        told.tell(notify_urls="", notify_on="quarantine", **mail)
    assert server.receivers == [["ada@example.org"]]


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


def test_two_who_tell_at_once_tell_it_once(told: Told) -> None:
    """One waits for the other and then finds nothing to tell."""
    load_values(told.dsn, CHARTS, [BROKEN])
    told.hook.answering.clear()
    patient: dict[str, Any] = {"notify_on": "quarantine", "notify_urls": f"{told.hook.url}?rto=60"}
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(told.tell, **patient)
        while not told.hook.notices and not first.done():
            time.sleep(0.05)
        second = pool.submit(told.tell, **patient)
        while told.execute(_WAITING) == [(0,)] and not second.done():
            time.sleep(0.05)
        told.hook.answering.set()
        assert first.result().told
        assert second.result().message is None
    assert len(told.texts()) == 1


def test_it_is_told_as_the_writer(told: Told) -> None:
    """The role that loads may read and remember all of it."""
    load_values(told.dsn, CHARTS, [BROKEN])
    _read(told, _ago(hours=3), FIRST)
    told.tell(postgres_user="pipeline_writer", postgres_password="")
    assert len(told.texts()) == 1
