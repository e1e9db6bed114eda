"""A warehouse behind TLS and passwords: who proves who he is gets in, a server that can't isn't trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg2
import pytest
from adbc_driver_manager import Error

from spark_jobs.connection import executor_dsn, without_password
from spark_jobs.failures import to_failure
from spark_jobs.transaction import RangeTransaction
from tests.builders import a_chart_message, to_bytes
from tests.certificates import Authority
from tests.commands import Run, command_line
from tests.postgres_15 import locked_postgres, needs_postgres_15
from tests.spark_jobs.quarantined import CHARTS, load_values
from tests.warehouse.speech_rows import add_transcript
from trendscript.migrations import migrate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.postgres_15 import LockedPostgres

pytestmark = needs_postgres_15

ROLES = {"pipeline_writer": "wr/ter's +", "data_analyst": "an@lyst"}


@pytest.fixture(scope="module")
def warehouse() -> Iterator[LockedPostgres]:
    """A database with all migrations and a transcript, made through the locked door; its roles have passwords."""
    with locked_postgres() as server:
        dsn = server.dsn()
        migrate(dsn)
        for role, password in ROLES.items():
            server.query(f"alter role {role} password %s", password)
        connection = psycopg2.connect(dsn)
        with connection, connection.cursor() as cursor:
            add_transcript(cursor, "dQw4w9WgXcQ", ["The lanterns drift along the river"])
        connection.close()
        yield server


@pytest.fixture
def trendscript(
    warehouse: LockedPostgres, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Run]:
    """The command line as a user of the warehouse, with settings of its own given by name."""

    def run(*arguments: str, user: str = "data_analyst", **changes: str) -> Run:
        for name, value in warehouse.settings(user, ROLES.get(user, ""), **changes).items():
            monkeypatch.setenv(name, value)
        return command_line(monkeypatch, capfd)(*arguments)

    return run


def test_rows_are_loaded_through_it(warehouse: LockedPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the writer, over ADBC; the password comes from where the task runs, and TLS goes with the address."""
    monkeypatch.setenv("POSTGRES_PASSWORD", ROLES["pipeline_writer"])
    load_values(warehouse.dsn(), CHARTS, [to_bytes(a_chart_message()), b"{broken"])
    assert warehouse.query("select count(*) from processed.chart_entry") == [(1,)]
    dsn = executor_dsn(without_password(warehouse.dsn("pipeline_writer")))
    with RangeTransaction(dsn, "a test") as transaction:
        found = transaction.execute(
            "select s.ssl, a.usename::text from pg_stat_ssl as s join pg_stat_activity as a using (pid)"
            " where pid = pg_backend_pid()"
        )
    assert found == [(True, "pipeline_writer")]


def test_an_analyst_asks_and_searches_through_it(trendscript: Callable[..., Run]) -> None:
    """With verify-full, by password."""
    found = trendscript("search", "lantern")
    assert (found.code, "lanterns drift" in found.out) == (0, True), found.err
    assert trendscript("ask", "q03").code == 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"POSTGRES_PASSWORD": "wr0ng"}, r"password authentication failed for user", id="password"),
        pytest.param(
            {"POSTGRES_PASSWORD": "wr0ng", "POSTGRES_SSLMODE": "prefer"},
            r"password authentication failed for user",
            id="password-where-tls-is-not-insisted-on",
        ),
        pytest.param({"POSTGRES_HOST": "127.0.0.1"}, r"can't prove who it is.*does not match host name", id="host"),
        pytest.param({"POSTGRES_SSLROOTCERT": "/no/such.pem"}, r"POSTGRES_SSLROOTCERT", id="no-file"),
        pytest.param({"POSTGRES_SSLMODE": "disable"}, r"by TLS only.*set POSTGRES_SSLMODE to verify-full", id="plain"),
    ],
)
def test_what_doesnt_fit_is_refused(trendscript: Callable[..., Run], changes: dict[str, str], said: str) -> None:
    """78, a sentence that says what, and no password."""
    refused = trendscript("ask", **changes)
    assert refused.code == 78
    _assert_said(refused.err, said)
    assert "wr0ng" not in refused.err


def _assert_said(text: str, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(" ".join(text.split()))


def test_another_authority_is_not_trusted(trendscript: Callable[..., Run], tmp_path: Path) -> None:
    """The password isn't sent to such a server."""
    other = Authority.make(tmp_path / "other.pem", "Another authority")
    refused = trendscript("ask", POSTGRES_SSLROOTCERT=str(other.file))
    assert refused.code == 78
    _assert_said(refused.err, "can't prove who it is.*certificate verify failed")


def test_a_server_without_tls_is_not_trusted(stack: Any, trendscript: Callable[..., Run]) -> None:
    """The embedded one has none."""
    port = stack.dsn.rpartition(":")[2].partition("/")[0]
    refused = trendscript("ask", POSTGRES_PORT=port)
    assert refused.code == 78
    _assert_said(refused.err, "can't prove who it is.*does not support SSL")


@pytest.mark.parametrize(
    "changes",
    [{"POSTGRES_HOST": "127.0.0.1"}, {"POSTGRES_PASSWORD": "wr0ng"}, {"POSTGRES_SSLMODE": "disable"}],
    ids=["host", "password", "plain"],
)
def test_a_task_that_is_refused_is_not_tried_again(
    warehouse: LockedPostgres, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str]
) -> None:
    """On an executor, too, it is nothing that passes."""
    monkeypatch.setenv("POSTGRES_PASSWORD", changes.get("POSTGRES_PASSWORD", ROLES["pipeline_writer"]))
    with pytest.raises(Error) as refusal:
        RangeTransaction(executor_dsn(without_password(warehouse.dsn("pipeline_writer", **changes))))
    failure = to_failure(refusal.value)
    assert failure is not None
    assert (failure.passing, failure.exit_code) == (False, 78), failure
    assert "wr0ng" not in failure.text


def test_the_doctor_looks_through_it(trendscript: Callable[..., Run], tmp_path: Path) -> None:
    """And says what is amiss where it can't."""
    found = _doctor(trendscript, tmp_path)
    assert (found["postgres"]["state"], found["database clock"]["state"]) == ("ok", "ok"), found
    found = _doctor(trendscript, tmp_path, POSTGRES_HOST="127.0.0.1")
    assert (found["postgres"]["state"], found["database clock"]["state"]) == ("broken", "skipped")
    assert "can't prove who it is" in found["postgres"]["found"]


def _doctor(trendscript: Callable[..., Run], home: Path, **changes: str) -> dict[str, Any]:
    run = trendscript("doctor", "--json", TRENDSCRIPT_HOME=str(home), **changes)
    return {check["name"]: check for check in run.report["checks"]}
