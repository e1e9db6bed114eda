"""`trendscript notify` as a person and a schedule use it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.notices.conftest import BROKEN
from tests.spark_jobs.quarantined import CHARTS, load_values
from tests.warehouse.conftest import run_command
from trendscript.errors import UsageError
from trendscript.notices.receivers import NoReceivers
from trendscript.notices.tell import NoticeNotSent
from trendscript.postgres import PostgresUnreachable

if TYPE_CHECKING:
    from typer.testing import Result

    from tests.notices.conftest import Told


def _notify(told: Told, *options: str, **environment: str) -> Result:
    home = {"TRENDSCRIPT_HOME": str(told.values["trendscript_home"]), "NOTIFY_URLS": told.hook.url}
    return run_command(told.dsn, "notify", *options, **(home | environment))


def test_it_tells_what_is_new_and_then_nothing(told: Told) -> None:
    """What a dry run shows is what is then sent, and a dry run leaves it to be sent."""
    load_values(told.dsn, CHARTS, [BROKEN])
    assert "charts: 1 message quarantined\n" in _notify(told, "--dry-run", NOTIFY_URLS="").stdout
    shown = json.loads(_notify(told, "--dry-run", "--json").stdout)
    assert (shown["message"]["title"], shown["told"]) == ("Trendscript: 1 message quarantined", [])
    assert told.texts() == []
    assert _notify(told).stdout == "address 1 of NOTIFY_URLS: told.\n"
    assert len(told.texts()) == 1
    again = _notify(told)
    assert (again.exit_code, again.stdout) == (0, "Nothing new to tell.\n")
    assert json.loads(_notify(told, "--json").stdout) == {"message": None, "told": [], "failed": {}}


def test_a_test_says_who_took_it(told: Told) -> None:
    """One that did not ends it with a failure, whoever else did; the warehouse is not asked."""
    tried = _notify(told, "--test", POSTGRES_PORT="9")
    assert (tried.exit_code, tried.stdout) == (0, "address 1 of NOTIFY_URLS: told.\n")
    assert told.texts()[0].startswith("Trendscript: a test notice\n")
    failed = _notify(told, "--test", NOTIFY_URLS=f"{told.hook.url} nope://canary")
    assert isinstance(failed.exception, NoticeNotSent)
    assert failed.exception.exit_code == 75
    assert "address 2 of NOTIFY_URLS: Apprise can't read it" in failed.stdout
    assert "canary" not in f"{failed.output}{failed.exception}"


def test_nobody_to_tell_and_options_that_exclude_each_other_are_refused(told: Told) -> None:
    """With a sentence about the settings."""
    assert isinstance(_notify(told, NOTIFY_URLS="").exception, NoReceivers)
    assert isinstance(_notify(told, "--test", NOTIFY_URLS="").exception, NoReceivers)
    assert isinstance(_notify(told, "--test", "--dry-run").exception, UsageError)


def test_what_nobody_took_ends_it_with_a_failure(told: Told) -> None:
    """So that a schedule notices."""
    load_values(told.dsn, CHARTS, [BROKEN])
    told.hook.code = 503
    failed = _notify(told)
    assert isinstance(failed.exception, NoticeNotSent)
    assert "the service answered 503" in str(failed.exception)


def test_a_warehouse_that_is_away_is_told_and_fails_it(told: Told) -> None:
    """Once; and its return once."""
    for _ in range(2):
        assert isinstance(_notify(told, POSTGRES_PORT="9").exception, PostgresUnreachable)
    assert _notify(told).exit_code == 0
    away, back = told.texts()
    assert away.startswith("Trendscript: notify failed\n")
    assert back.startswith("Trendscript: notify is well again\n")


@pytest.mark.parametrize("options", [["--help"], ["--dry-run"]])
def test_it_needs_no_receiver_to_look(told: Told, options: list[str]) -> None:
    """Nor anything to tell."""
    assert _notify(told, *options, NOTIFY_URLS="").exit_code == 0
