"""`trendscript demo`: nothing goes in; the whole pipeline runs on this machine, and answers come out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trendscript.settings import read_settings

if TYPE_CHECKING:
    import typer


def register(app: typer.Typer) -> None:
    """Add this module's commands to the command line."""
    app.command()(demo)


def demo() -> None:
    """Run everything here: servers, made-up charts of 14 days, ingest, load, three answers. Needs no key.

    Running it again shows the same answers and adds nothing. `trendscript down` stops the servers it leaves running.
    """
    from trendscript.cli.demo_run import run_demo  # noqa: PLC0415  (Spark and Kafka's client would slow every `--help`)

    run_demo(read_settings())
