"""Commands for the local stack: `setup`, `up`, `down` and `status`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trendscript.settings import read_settings

if TYPE_CHECKING:
    from trendscript.local.stack import ServerStatus, StackStatus

_NOT_RUNNING = 69


def register(app: typer.Typer) -> None:
    """Add this module's commands to the command line."""
    for command in (setup, up, down, status):
        app.command()(command)


def setup() -> None:
    """Prepare Java, the jars for Kafka and Spark, and a quick start of Spark; leaves nothing running."""
    from spark_jobs.class_archive import make_class_archive  # noqa: PLC0415  (keeps --help quick)
    from trendscript.local.jars import spark_jars  # noqa: PLC0415  (keeps --help quick)
    from trendscript.local.java import java_home  # noqa: PLC0415  (keeps --help quick)
    from trendscript.local.spark_conf import prepare_spark  # noqa: PLC0415  (keeps --help quick)

    home = java_home()
    prepare_spark(spark_jars(_say), home, _say)
    make_class_archive(_say)
    _say(f"Ready: Java is {home}.")


def up(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the addresses as JSON, with the password in the DSN.")
    ] = False,
) -> None:
    """Start Kafka and PostgreSQL on this machine; harmless when they run."""
    from trendscript.local import stack  # noqa: PLC0415  (keeps --help quick)

    _show(stack.up(read_settings().trendscript_home, _say), as_json=as_json)


def down() -> None:
    """Stop what `up` started; data and logs are kept."""
    from trendscript.local import stack  # noqa: PLC0415  (keeps --help quick)

    home = read_settings().trendscript_home
    before = stack.status(home)
    stack.down(home, _say)
    _say("Stopped." if before.kafka.running or before.postgres.running else "Nothing was running.")


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON, with the password in the DSN.")] = False,
) -> None:
    """Tell whether Kafka and PostgreSQL run here, and where; ends with 69 unless both do."""
    from trendscript.local import stack  # noqa: PLC0415  (keeps --help quick)

    found = stack.status(read_settings().trendscript_home)
    _show(found, as_json=as_json)
    if not found.running:
        raise typer.Exit(_NOT_RUNNING)


def _show(found: StackStatus, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(to_json(found), indent=2))
        return
    for name, server, address in (
        ("Kafka", found.kafka, found.kafka.address),
        ("Postgres", found.postgres, _without_password(found.postgres.address)),
    ):
        state = f"running  {address}" if server.running else "stopped"
        typer.echo(f"{name:9} {state}")
    typer.echo(f"{'Home':9} {found.home}")


def to_json(found: StackStatus) -> dict[str, Any]:
    """Describe the stack as `status --json` does; scripts rely on `kafka.bootstrap_servers` and `postgres.dsn`."""
    return {
        "home": str(found.home),
        "kafka": {"bootstrap_servers": found.kafka.address, **_facts(found.kafka)},
        "postgres": {"dsn": found.postgres.address, **_facts(found.postgres)},
    }


def _facts(server: ServerStatus) -> dict[str, Any]:
    return {"running": server.running, "pid": server.pid, "log": str(server.log)}


def _without_password(dsn: str | None) -> str | None:
    if dsn is None:
        return None
    scheme, _, rest = dsn.partition("://")
    login, _, place = rest.rpartition("@")
    return f"{scheme}://{login.partition(':')[0]}@{place}"


def _say(line: str) -> None:
    typer.echo(line, err=True)
