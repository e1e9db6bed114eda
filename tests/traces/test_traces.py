"""Passwords and keys go through every command; they are looked for wherever one leaves traces, and found nowhere."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import psycopg2
import pytest
from psycopg2 import sql
from psycopg2.extensions import make_dsn
from typer.core import TyperGroup
from typer.main import get_command

from ingest.loopback_api import Fault
from tests.ingest.building import consumer_suspended
from tests.traces.calls import CALLS, asking
from tests.traces.running import Ground, Traces, run_calls
from tests.traces.servers import NOBODY, Canary, Secrets, client_properties, open_servers, wrong_secrets
from trendscript.cli.main import app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.traces.servers import Servers

pytestmark = pytest.mark.timeout(1800)  # every command there is; a minute or two on cores that do nothing else

_SERVERS_OWN = ("postgres.password", "server.properties")  # where the servers themselves keep what opens them


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """Servers of this module's own: the run's ask for no password."""
    with open_servers() as found:
        yield found


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    """Folders of the test's own."""
    return Ground.below(tmp_path)


def test_every_command_is_called() -> None:
    """A new command has to be told here how it is called."""
    called = [tuple(call.words) for call in CALLS]
    missing = [words for words in _commands(get_command(app)) if not any(c[: len(words)] == words for c in called)]
    assert missing == []


def _commands(command: object, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if not isinstance(command, TyperGroup):
        yield words
        return
    for name, inner in command.commands.items():
        yield from _commands(inner, (*words, name))


def test_a_secret_that_is_shown_is_found(tmp_path: Path) -> None:
    """In the midst of a file, or of its name."""
    canary = Canary.new("a key", "x*y")
    (tmp_path / "log").write_text(f"key=x{canary.part}y&", encoding="utf-8")
    (tmp_path / canary.part).touch()
    traces = Traces()
    traces.add_files(tmp_path)
    assert len(traces.hits([canary])) == 2


def test_where_servers_answer(servers: Servers, ground: Ground) -> None:
    """Not in output, logs, Spark's event log, arguments, environments, temporary files, lake, ledger or tables."""
    settings = servers.settings(ground.vault)
    elsewhere = settings | {"TRENDSCRIPT_HOME": str(ground.work / "home")}  # the others still need these servers
    calls = [(call, elsewhere if call.line == "down" else settings) for call in CALLS]

    traces = run_calls(ground, calls, pids=servers.pids)

    told = {call.line: code for call, code in zip(CALLS, traces.codes, strict=True)}
    assert told == {call.line: call.code for call in CALLS}
    assert any(b"SparkListenerApplicationStart" in trace for trace in traces.found.values())
    assert any(b"org.apache.spark.deploy.SparkSubmit" in trace for trace in traces.found.values())
    traces.add_files(servers.home, but=_SERVERS_OWN)
    traces.found["the database"] = _read_all(servers)
    assert traces.hits(servers.secrets.all()) == []
    own = Canary("the local superuser's password", servers.own_password, servers.own_password)
    assert {hit.rpartition("/")[2] for hit in traces.hits([own])} == {"00-up.out", "02-status.out"}  # as --json says


def _read_all(servers: Servers) -> bytes:
    """Every row of ours, as text."""
    rows: list[str] = []
    with closing(psycopg2.connect(make_dsn(**servers.postgres))) as connection, connection.cursor() as cursor:
        cursor.execute("select schemaname, tablename from pg_tables where schemaname in ('pipeline', 'processed')")
        for name in cursor.fetchall():
            cursor.execute(sql.SQL("select t::text from {} as t").format(sql.Identifier(*name)))
            rows += [text for (text,) in cursor.fetchall()]
    assert any("youtube_trending" in row for row in rows)
    return "\n".join(rows).encode()


def test_where_servers_refuse(servers: Servers, ground: Ground) -> None:
    """Wrong passwords and keys aren't in what is said of them, tracebacks included; nor are the right ones beside."""
    wrong, right = wrong_secrets(), servers.settings(ground.vault)
    servers.youtube.faults.append(Fault(consumer_suspended(wrong.youtube.secret), where={"regionCode": "FR"}))
    changes = {
        "p": {"POSTGRES_PASSWORD": wrong.postgres.secret},
        "k": {"KAFKA_CLIENT_PROPERTIES": str(client_properties(ground.vault, wrong.kafka))},
        "ys": {"YOUTUBE_API_KEY": wrong.youtube.secret, "OPENAI_API_KEY": wrong.speech.secret},
    }
    try:
        traces = _run_all(servers, ground, right, changes)
    finally:
        servers.youtube.faults.clear()

    said = b"\n".join(trace for name, trace in traces.found.items() if name.endswith(".err"))
    for words in (b"PostgresRefused", b"BrokerRefused", b"KeyRefused", b"OperatorNeeded"):
        assert words in said
    assert _hits_outside_environments(traces, wrong, servers.secrets) == []


def test_where_nobody_answers(servers: Servers, ground: Ground) -> None:
    """Nor in what is said of servers that are away."""
    right = servers.settings(ground.vault)
    changes = {
        "p": {"POSTGRES_PORT": NOBODY.rpartition(":")[2]},
        "k": {"KAFKA_BOOTSTRAP_SERVERS": NOBODY},
        "ys": {"YOUTUBE_API_ENDPOINT": f"http://{NOBODY}", "OPENAI_BASE_URL": f"http://{NOBODY}/v1"},
    }
    traces = _run_all(servers, ground, right, changes)

    said = b"\n".join(trace for name, trace in traces.found.items() if name.endswith(".err"))
    for words in (b"PostgresUnreachable", b"BrokerUnreachable", b"ApiUnreachable", b"ServerGone"):
        assert words in said
    assert traces.hits(servers.secrets.all()) == []


def _run_all(servers: Servers, ground: Ground, right: dict[str, str], changes: dict[str, dict[str, str]]) -> Traces:
    """Run what needs each of the servers, with a change that closes it; no command may take that for a bug."""
    calls = [
        (call, right | change | {"TRANSCRIBER_GROUP": f"group-{whom}-{ground.vault.parent.name}"})
        for whom, change in changes.items()
        for call in asking(whom)
    ]
    traces = run_calls(ground, calls, at_once=12)
    assert [call.line for (call, _), code in zip(calls, traces.codes, strict=True) if code == 1] == []
    traces.add_files(servers.home, but=_SERVERS_OWN)
    return traces


def _hits_outside_environments(traces: Traces, *secrets: Secrets) -> list[str]:
    """A secret that was given by the environment is in that of the processes it was given to."""
    found = Traces({name: trace for name, trace in traces.found.items() if not name.startswith("environment of")})
    return found.hits(canary for each in secrets for canary in each.all())
