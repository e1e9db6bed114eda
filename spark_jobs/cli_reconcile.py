"""The command `reconcile`: ledger, lake, quarantine and tables side by side, and a sentence for each difference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from spark_jobs.cli_job import lake_address, start_spark, writer_dsn
from trendscript.settings import read_settings

if TYPE_CHECKING:
    from spark_jobs.reconciliation import Reconciliation


def reconcile(
    topics: Annotated[
        list[str] | None, typer.Argument(metavar="[TOPIC]...", help="Topics to compare; all that were loaded if none.")
    ] = None,
    with_lake: Annotated[
        bool, typer.Option("--lake/--no-lake", help="Count the lake's messages too, which starts Spark.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document to standard output.")] = False,
) -> None:
    """Compare the ledger with what is there: offsets, messages in the lake and in quarantine, rows of the tables.

    Ends with 78 when anything differs, and says what and where. It changes nothing, and a load may run meanwhile.
    """
    found = run_reconcile(topics or [], with_lake=with_lake, quiet=as_json)
    if as_json:
        typer.echo(orjson.dumps(found.to_json(), option=orjson.OPT_INDENT_2))
    else:
        from spark_jobs.reconcile_display import print_reconciliation

        print_reconciliation(found)
    if found.differences:
        from spark_jobs.reconciliation import LedgerDisagrees

        raise LedgerDisagrees(found.differences)


def run_reconcile(topics: list[str], *, with_lake: bool, quiet: bool) -> Reconciliation:
    """Compare these topics, or all, telling each step as it begins. Raises as `spark_jobs.reconcile.reconcile`."""
    from spark_jobs.display import Progress
    from spark_jobs.reconcile import reconcile as compare

    settings = read_settings()
    with Progress(quiet=quiet) as progress:
        return compare(
            writer_dsn(settings),
            topics,
            lake=lake_address(settings) if with_lake else None,
            open_spark=lambda: start_spark(settings, progress),
            on_step=progress.step,
        )
