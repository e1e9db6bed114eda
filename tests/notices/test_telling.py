"""Telling after a command: its end stays what it is, whatever becomes of the notice, and it comes in time."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
import typer

from spark_jobs.cli_follow import note_topics
from spark_jobs.follow import LoadBroken
from spark_jobs.follow_status import Failing, FollowStatus
from tests.notices.servers import PASSWORD, USER, WebHook, mail_server, silent_server
from tests.spark_jobs.test_cli import BIN, ROOT, run_command
from trendscript.errors import TryAgainLater, UsageError
from trendscript.notices.news import Outcome
from trendscript.notices.telling import tell_within, telling, telling_along

if TYPE_CHECKING:
    from pathlib import Path

    from tests.notices.conftest import Told


class Passing(TryAgainLater):
    """Raised when a test says so."""


def _fail_with(outcome: Outcome, failure: Passing) -> None:
    """End as a load does one of whose topics failed."""
    outcome.note("charts", failure)
    raise failure


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Settings that lead to nobody: no warehouse, no Kafka."""
    settings = {
        "TRENDSCRIPT_HOME": str(tmp_path / "home"),
        "POSTGRES_HOST": "127.0.0.1",
        "POSTGRES_PORT": "9",
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return settings


@pytest.mark.usefixtures("environment")
def test_a_failure_is_told_and_stays_the_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the command as a whole where no topic is to blame; a topic's, by its topic, once."""
    with WebHook() as hook:
        monkeypatch.setenv("NOTIFY_URLS", hook.url)
        with pytest.raises(Passing, match="as a whole"), telling("load"):
            raise Passing("as a whole")
        failure = Passing("of a topic")
        with pytest.raises(Passing, match="of a topic"), telling("load") as outcome:
            _fail_with(outcome, failure)
    assert [notice["title"] for notice in hook.notices] == [
        "Trendscript: load failed",
        "Trendscript: load charts failed; load is well again",
    ]


@pytest.mark.usefixtures("environment")
def test_a_bug_is_told_by_name_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its words may hold anything."""
    with WebHook() as hook:
        monkeypatch.setenv("NOTIFY_URLS", hook.url)
        with pytest.raises(ZeroDivisionError), telling("load"):
            raise ZeroDivisionError("canary")
    (notice,) = hook.notices
    assert "load failed: ZeroDivisionError (exit code 1)" in notice["message"]
    assert "canary" not in str(notice)


@pytest.mark.usefixtures("environment")
def test_a_bug_of_a_topic_is_told_by_name_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A load that goes on after one puts its words into a failure of its own."""
    with WebHook() as hook:
        monkeypatch.setenv("NOTIFY_URLS", hook.url)
        with telling("load") as outcome:
            outcome.note("charts", LoadBroken("charts: unexpected ZeroDivisionError: canary"))
    (notice,) = hook.notices
    assert "load charts failed: LoadBroken (exit code 1)" in notice["message"]
    assert "canary" not in str(notice)


@pytest.mark.usefixtures("environment")
def test_a_load_that_is_stopped_is_as_patient_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed once and may pass ends it with its code, and is told to nobody; what a person must mend is."""
    status = FollowStatus(["charts", "api_usage"])
    status.note_failure("charts", Failing(Passing("It fails."), 1, parked=False))
    with WebHook() as hook:
        monkeypatch.setenv("NOTIFY_URLS", hook.url)
        with pytest.raises(Passing), telling("load") as outcome:
            _stop(status, outcome)
        assert hook.notices == []
        status.note_failure("api_usage", Failing(Passing("Mend it."), 1, parked=True))
        with pytest.raises(Passing), telling("load") as outcome:
            _stop(status, outcome)
    assert [notice["title"] for notice in hook.notices] == ["Trendscript: load api_usage failed"]


def _stop(status: FollowStatus, outcome: Outcome) -> None:
    """End as `load --follow` does."""
    note_topics(status, outcome)
    failure = status.gravest()
    assert failure is not None
    raise failure


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("end", [UsageError("no such option"), typer.Exit(130), KeyboardInterrupt()])
def test_what_a_person_did_is_told_to_nobody(monkeypatch: pytest.MonkeyPatch, end: BaseException) -> None:
    """A command that was called wrongly, or stopped."""
    with WebHook() as hook:
        monkeypatch.setenv("NOTIFY_URLS", hook.url)
        with pytest.raises(type(end)), telling("load"):
            raise end
        with pytest.raises(Passing), telling("load", wanted=False):
            raise Passing("a dry run's")
    assert hook.notices == []


def test_a_receiver_that_hangs_costs_its_time_and_no_more(told: Told, capsys: pytest.CaptureFixture[str]) -> None:
    """The command goes on after that, and the log says so."""
    with silent_server() as port:
        begun = time.monotonic()
        failed = Outcome("load")
        failed.note("", Passing("It fails."))
        tell_within(told.settings(notify_urls=f"json://127.0.0.1:{port}/?rto=60&cto=60"), failed, seconds=2)
        assert time.monotonic() - begun < 50
    assert "notice_unfinished" in capsys.readouterr().out


def test_a_warehouse_that_hangs_costs_its_time_and_no_more(told: Told) -> None:
    """The failure is told all the same."""
    failed = Outcome("load")
    failed.note("", Passing("It fails."))
    with silent_server() as port:
        begun = time.monotonic()
        tell_within(told.settings(postgres_port=port), failed)
        assert time.monotonic() - begun < 120
    assert len(told.texts()) == 1


def test_a_command_that_goes_on_tells_on_the_way(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it reads of itself each time."""
    for name, value in told.values.items():
        monkeypatch.setenv(name.upper(), str(value))
    failed = Outcome("load")
    failed.note("charts", Passing("It fails."))
    with telling_along(lambda: failed, every=0.1):
        deadline = time.monotonic() + 60
        while not told.hook.notices and time.monotonic() < deadline:
            time.sleep(0.05)
    (text,) = told.texts()
    assert text.startswith("Trendscript: load charts failed\n")


def test_who_tells_nobody_pays_nothing() -> None:
    """Neither what sends nor what reads the ledger for it is imported."""
    code = (
        "import sys\n"
        "from trendscript.notices.telling import telling, telling_along\n"
        "with telling('load') as outcome, telling_along(lambda: outcome):\n    pass\n"
        "dear = {'apprise', 'smtplib', 'psycopg2', 'trendscript.notices.tell'}\n"
        "print(sorted(dear & sys.modules.keys()))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert (run.stdout, run.stderr) == ("[]\n", "")


def test_a_failing_notice_leaves_a_run_its_exit_code(environment: dict[str, str]) -> None:
    """69 as without it; one line of the log a receiver, and no secret in any of it, traceback or not."""
    with mail_server(with_login=True) as server:
        settings = environment | {
            "NOTIFY_URLS": "json://127.0.0.1:9/canary-hook nope://canary-unknown slack://canary-short",
            "SMTP_SERVER": "127.0.0.1",
            "SMTP_PORT": str(server.port),
            "SMTP_TLS": "off",
            "SMTP_USER": USER,
            "SMTP_PASSWORD": "canary-that-is-wrong",
            "EMAIL_RECEIVER": "ada@example.org",
            "LOG_LEVEL": "DEBUG",
        }
        run = run_command(BIN / "trendscript", "--debug", "load", "--json", environment=settings)
    assert run.returncode == 1  # --debug lets the traceback out, with Python's own code
    assert "PostgresUnreachable" in run.stderr
    assert run.stderr.count('"notice_failed"') == 4
    assert "SMTP_USER or SMTP_PASSWORD (535)" in run.stderr
    assert "canary" not in f"{run.stdout}{run.stderr}"
    assert server.mails == []


def test_a_run_that_fails_tells_by_mail(environment: dict[str, str]) -> None:
    """What, where and why, and the run's id as its log has it; the exit code is the failure's."""
    with mail_server(with_login=True) as server:
        settings = environment | {
            "SMTP_SERVER": "127.0.0.1",
            "SMTP_PORT": str(server.port),
            "SMTP_TLS": "off",
            "SMTP_USER": USER,
            "SMTP_PASSWORD": PASSWORD,
            "EMAIL_RECEIVER": "ada@example.org",
        }
        run = run_command(BIN / "trendscript", "load", environment=settings)
        again = run_command(BIN / "trendscript", "load", environment=settings)
    assert (run.returncode, again.returncode) == (69, 69)
    (mail,) = server.mails
    assert mail["Subject"] == "Trendscript: load failed"
    text = mail.get_content()
    assert "load failed: PostgresUnreachable (exit code 69)" in text
    assert run.stderr.count('"notice_sent"') == 1
    assert f'"run_id": "{text.partition("Told by run ")[2][:12]}"' in run.stderr
