"""The command `metrics`: how the load fares, as Prometheus takes it, on standard output or in a file."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  (Typer reads the annotations when it runs)
from typing import TYPE_CHECKING, Annotated

import typer

from spark_jobs.cli_job import build_ledger_job, find_contracts
from trendscript.errors import NeedsAPerson, UsageError
from trendscript.settings import read_settings

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from spark_jobs.job import Job


class TextfileRefused(NeedsAPerson):
    """Raised when the file of metrics can't be written."""


def metrics(
    textfile: Annotated[
        Path | None,
        typer.Option(
            "--textfile",
            metavar="FILE.prom",
            help="Write this file, all at once, for node_exporter's textfile collector.",
        ),
    ] = None,
) -> None:
    """Tell how the load fares, as Prometheus takes it: lag, counts, quarantine, seconds by step.

    It is read from the ledger and Kafka, whoever loads. What can't be asked is told as down, and ends with 69.
    """
    from prometheus_client import CollectorRegistry, generate_latest

    from spark_jobs.metrics import LoadCollector

    if textfile is not None and textfile.suffix != ".prom":
        raise UsageError(f"--textfile is {textfile}; node_exporter reads files whose names end with .prom.")
    collector = LoadCollector(_to_job, [contract.topic for contract in find_contracts([])])
    registry = CollectorRegistry()
    registry.register(collector)
    if textfile is None:
        typer.echo(generate_latest(registry), nl=False)
    else:
        _write(textfile, registry)
    for failure in collector.read().failures:
        raise failure


def _to_job(*, with_kafka: bool) -> Job:
    return build_ledger_job(read_settings(), with_kafka=with_kafka)


def _write(textfile: Path, registry: CollectorRegistry) -> None:
    from prometheus_client import write_to_textfile

    try:
        write_to_textfile(str(textfile), registry)
    except OSError as error:
        raise TextfileRefused(
            f"{textfile} can't be written ({error.strerror}). Name a file in a folder that is there and yours."
        ) from error
