"""What is told from the warehouse and the ledger: each thing once, with the numbers that SQL gives."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tests.builders import a_chart_message, to_bytes
from tests.notices.conftest import BROKEN, FIRST, SECOND, ago
from tests.notices.servers import mail_server
from tests.spark_jobs.quarantined import CHARTS, load_values
from trendscript.errors import NeedsAPerson
from trendscript.notices.news import Outcome

if TYPE_CHECKING:
    from tests.notices.conftest import Told

_WAITING = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"


class Mended(NeedsAPerson):
    """Raised by nobody: a failure with a name."""


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


def test_an_old_chart_is_told_once_and_its_end_once(told: Told) -> None:
    """By region; those to be read that never were, too."""
    told.read_chart(ago(hours=3), FIRST, region="US")
    told.read_chart(ago(minutes=30), FIRST)
    told.tell(youtube_regions="FR,US,JP", notify_on="stale")
    (text,) = told.texts()
    assert text.startswith("Trendscript: old charts of US, JP\n")
    assert "  US: 3 h 0 min\n  JP: never\n" in text
    told.tell(youtube_regions="FR,US,JP", notify_on="stale")
    assert told.texts() == []
    told.read_chart(ago(minutes=5), FIRST, region="US")
    told.tell(youtube_regions="FR,US,JP", notify_on="stale")
    (again,) = told.texts()
    assert again.startswith("Trendscript: US is well again\nUS: its charts are new again")
    told.grow_older(24)
    told.tell(youtube_regions="FR,US,JP", notify_on="stale")
    assert told.texts()[0].startswith("Trendscript: old charts of JP\n")


def test_what_is_old_is_said_by_a_setting(told: Told) -> None:
    """A region that nobody has read for a month was given up, unless it is to be read."""
    told.read_chart(ago(hours=3), FIRST)
    told.read_chart(ago(days=40), FIRST, region="US")
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
    told.read_chart(ago(hours=4), FIRST, region="US")
    told.read_chart(ago(hours=3), SECOND, region="US")
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
    told.read_chart(ago(hours=3), FIRST)
    told.tell(postgres_user="pipeline_writer", postgres_password="")
    assert len(told.texts()) == 1
