"""`python -m benchmarks.bench`: the figures that loading is held to, measured in one run on one machine."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table

from benchmarks import cold, publishing, visible, warm
from benchmarks.machine import describe_machine, own_stack, say
from benchmarks.peers_work import charts_folder, write_charts
from tests.real.warehouse import Servers

if TYPE_CHECKING:
    from benchmarks.figures import Figure, Runs

_FEW = 1_000
_RESULTS = Path(__file__).parent / "results"


def main(
    messages: Annotated[int, typer.Option(min=10_000, help="Messages of the peers' work.")] = 466_457,
    own: Annotated[int, typer.Option(min=2_000, help="Messages of our own work, and rows to ingest.")] = 100_000,
    repeat: Annotated[int, typer.Option(min=1, help="Runs of each; medians are compared.")] = 3,
    follow: Annotated[float, typer.Option(min=1, help="Seconds of following.")] = 20,
) -> None:
    """Measure everything once; ends with 1 where a figure isn't reached."""
    began = time.monotonic()
    if charts_folder() is None:
        say("There are no real charts beside the project or at TRENDSCRIPT_DATA: the messages are made up.")
    with own_stack() as stack:
        servers = Servers(stack.home, stack.bootstrap_servers, stack.dsn, stack.home)
        runs, figures = _measure(servers, messages, own, repeat, follow)
    _print(runs, figures)
    say(f"{(time.monotonic() - began) / 60:.1f} minutes")
    _write(runs, figures)
    raise typer.Exit(0 if all(figure.reached is not False for figure in figures) else 1)


def _measure(servers: Servers, messages: int, own: int, repeat: int, follow: float) -> tuple[list[Runs], list[Figure]]:
    file = servers.folder / "charts.csv"
    write_charts(file, own)
    charts = publishing.import_messages(file)
    contract, count = warm.prepare(servers, messages)
    few = warm.publish_own(servers, charts, _FEW)
    few_runs, few_figures = cold.measure_few(servers, few, repeat)
    own_count = few + warm.publish_own(servers, charts)
    found = warm.measure(servers, contract, count, own_count, repeat)
    all_runs, all_figures = cold.measure_all(servers, contract, found.hand_made, repeat)
    sending, sending_figures = publishing.measure(
        servers, servers.make_warehouse("ingesting", template=warm.OWN_TEMPLATE), file, repeat
    )
    seen = [*visible.measure(servers, follow, lake=False), *visible.measure(servers, follow, lake=True)]
    figures = [*found.figures(), *all_figures, *few_figures, *seen, *sending_figures]
    return [*found.runs(), *all_runs, *few_runs, *sending], sorted(figures, key=lambda figure: figure.number)


def _print(runs: list[Runs], figures: list[Figure]) -> None:
    timed = Table(title="Runs")
    for heading in ("what", "messages", "min s", "median s", "max s", "messages/s"):
        timed.add_column(heading, justify="left" if heading == "what" else "right")
    for run in runs:
        seconds = (min(run.seconds), run.median, max(run.seconds))
        timed.add_row(run.what, f"{run.messages:,}", *(f"{one:.2f}" for one in seconds), f"{run.rate:,.0f}")
    held = Table(title="Figures")
    for heading in ("", "what", "value", "wanted", "reached"):
        held.add_column(heading, justify="right" if heading == "value" else "left")
    for figure in figures:
        reached = {True: "yes", False: "NO", None: ""}[figure.reached]
        held.add_row(figure.number, figure.what, f"{figure.value:.3g}", figure.wanted, reached)
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(timed)
    console.print(held)


def _write(runs: list[Runs], figures: list[Figure]) -> None:
    found = {
        "machine": describe_machine(),
        "runs": [run.to_json() for run in runs],
        "figures": [figure.to_json() for figure in figures],
    }
    _RESULTS.mkdir(exist_ok=True)
    path = _RESULTS / f"{time.strftime('%Y-%m-%dT%H%M%S')}.json"
    path.write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2))
    say(f"Written to {path}")


if __name__ == "__main__":
    typer.run(main)
