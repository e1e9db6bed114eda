"""While the warehouse is away: failures are told by who met them, once, and remembered in a file until it is back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from trendscript.notices.news import Outcome
from trendscript.notices.tell import tell_news
from trendscript.postgres import PostgresUnreachable

if TYPE_CHECKING:
    from tests.notices.conftest import Told

AWAY: dict[str, Any] = {"postgres_port": 9}


def _failed() -> Outcome:
    outcome = Outcome("load")
    outcome.note("", PostgresUnreachable("Nobody answers at 127.0.0.1:9."))
    return outcome


def test_a_warehouse_that_is_away_is_told_once_and_its_return_once(told: Told) -> None:
    """The file is kept until the warehouse remembers it instead."""
    file = told.settings().trendscript_home / "notices.json"
    assert told.tell(_failed(), **AWAY).away is not None
    told.tell(_failed(), **AWAY)
    (text,) = told.texts()
    assert text.startswith("Trendscript: load failed\nload failed: PostgresUnreachable (exit code 69)\n")
    assert file.exists()
    told.tell(Outcome("load", passed={"load"}))
    (again,) = told.texts()
    assert again.startswith("Trendscript: load is well again\n")
    assert not file.exists()
    told.tell(Outcome("load", passed={"load"}))
    assert told.texts() == []


def test_a_machine_without_a_warehouse_tells_of_itself(told: Told) -> None:
    """One that only ingests: what failed, and that it went well again, each once."""
    failed = Outcome("ingest charts FR")
    failed.note("", PostgresUnreachable("It fails."))
    told.tell(failed, **AWAY)
    passed = Outcome("ingest charts FR", passed={"ingest charts FR"})
    told.tell(passed, **AWAY)
    told.tell(passed, **AWAY)
    away, back = told.texts()
    assert away.startswith("Trendscript: ingest charts FR failed\n")
    assert back.startswith("Trendscript: ingest charts FR is well again\n")


def test_a_warehouse_that_lacks_the_table_is_away(told: Told) -> None:
    """A database that was not migrated: the failure is told, and why it is not kept there."""
    told.execute("drop table pipeline.notice")
    notice = told.tell(_failed())
    assert len(told.texts()) == 1
    assert "trendscript migrate" in str(notice.away)
    told.tell(_failed())
    assert told.texts() == []


def test_who_may_not_write_is_told_so(told: Told) -> None:
    """An analyst's settings can't remember what was told."""
    notice = told.tell(_failed(), postgres_user="data_analyst", postgres_password="")
    assert "pipeline_writer" in str(notice.away)
    assert len(told.texts()) == 1


def test_what_fails_for_another_reason_is_not_well(told: Told) -> None:
    """`notify` itself, which looks at the warehouse: away first, then without its table."""
    told.execute("drop table pipeline.notice")
    for changes in (AWAY, {}):
        outcome = Outcome("notify")
        outcome.note("", None)
        tell_news(told.settings(**changes), outcome, watching=True)
    away, lacking = told.texts()
    assert "notify failed: PostgresUnreachable" in away
    assert lacking.startswith("Trendscript: notify failed\nnotify failed: NoticesRefused")
    assert "well again" not in lacking


@pytest.mark.parametrize("first", [None, PostgresUnreachable("It fails.")])
def test_what_failed_in_part_failed(first: Exception | None) -> None:
    """In whichever order it was noted."""
    outcome = Outcome("load")
    outcome.note("charts", first)
    outcome.note("charts", PostgresUnreachable("It fails.") if first is None else None)
    assert (list(outcome.failures), outcome.passed) == (["load charts"], set())


def test_what_nobody_took_is_held_back_in_the_file_too(told: Told) -> None:
    """However many runs try."""
    told.hook.code = 500
    for _ in range(30):
        assert told.tell(_failed(), **AWAY).is_lost
    assert len(told.texts()) < 20


@pytest.mark.parametrize("content", [b"", b"{broken", b'{"a": 1}', b'[{"kind": 1}]', b'[{"since": null}]', b"[1]"])
def test_a_file_that_is_something_else_stops_nothing(told: Told, content: bytes) -> None:
    """It is told again, and the file is written anew."""
    home = told.settings().trendscript_home
    home.mkdir()
    (home / "notices.json").write_bytes(content)
    told.tell(_failed(), **AWAY)
    told.tell(_failed(), **AWAY)
    assert len(told.texts()) == 1


def test_a_home_that_cannot_be_written_stops_nothing(told: Told) -> None:
    """It is told each time: twice is better than never."""
    told.settings().trendscript_home.write_text("a file where the folder should be", encoding="utf-8")
    told.tell(_failed(), **AWAY)
    told.tell(_failed(), **AWAY)
    assert len(told.texts()) == 2
