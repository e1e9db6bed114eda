"""Ranges of a batch: the driver's job goes in, what their tasks need comes out; and what tasks answered is judged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spark_jobs.batch import RangeTask
from spark_jobs.connection import without_password
from spark_jobs.failures import RangeFailure, raise_failures
from spark_jobs.statements import merge_order, table_statements
from trendscript.contracts import load_contracts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from spark_jobs.batch import Batch
    from spark_jobs.job import Job
    from trendscript.contracts.model import Contract


def to_range_task(
    job: Job, contract: Contract, batch: Batch, *, dry_run: bool = False, expected: Mapping[int, int] | None = None
) -> RangeTask:
    """All that loading a range of the batch takes. In a replay a message decides anew about the row it made."""
    order = merge_order([*load_contracts().values(), contract])
    return RangeTask(
        batch=batch,
        contract=contract,
        tables=tuple(table_statements(contract, order, overwrite_equal=batch.kind == "replay")),
        dsn=without_password(job.dsn),
        bootstrap_servers=job.bootstrap_servers,
        client_properties=job.client_properties,
        dry_run=dry_run,
        expected=expected,
    )


def check_outcomes(topic: str, outcomes: Iterable[Any]) -> set[int]:
    """The partitions whose range is committed, or was rehearsed. Raises what failed, the gravest first."""
    found = list(outcomes)
    failures = {
        outcome["partition"]: RangeFailure.from_json(outcome["details"])
        for outcome in found
        if outcome["status"] == "failed"
    }
    if failures:
        raise_failures(topic, failures)
    return {outcome["partition"] for outcome in found}
