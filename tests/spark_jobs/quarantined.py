"""Messages put through a range's transaction without Kafka, so that what a contract refuses is in a real quarantine."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg2

from spark_jobs import finish, ledger
from spark_jobs.batch import OffsetRange
from spark_jobs.job import Job
from spark_jobs.load_range import range_loader
from spark_jobs.ranges import to_range_task
from spark_jobs.topic_state import TopicIdentity
from tests.builders import a_raw_batch
from trendscript.contracts import load_contract

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spark_jobs.batch import BatchKind
    from trendscript.contracts import Contract

CHARTS = replace(load_contract("youtube_trending"), topic="charts")


class Killed(BaseException):
    """Ends a run at a step, as a signal would; nothing of ours catches it."""


def kill_at(step: str) -> Any:
    """A listener to steps that ends the run when `step` begins."""

    def listen(_topic: str, begun: str) -> None:
        if begun == step:
            raise Killed

    return listen


def under(contract: Contract, **columns: dict[str, Any]) -> Contract:
    """The contract with fields of the video's columns changed, by name of the column."""
    tables = tuple(
        replace(table, columns=tuple(replace(column, **columns.get(column.name, {})) for column in table.columns))
        if table.name == "video"
        else table
        for table in contract.tables
    )
    return replace(contract, tables=tables)


def as_writer(dsn: str) -> str:
    """The superuser's address as the writer's, who needs no password here."""
    return re.sub(r"//postgres(:[^@]*)?@", "//pipeline_writer@", dsn)


def a_job(dsn: str, **changes: Any) -> Job:
    """What work on the ledger needs that asks no Kafka, as the role that does it."""
    return Job(
        **{
            "dsn": as_writer(dsn),
            "bootstrap_servers": "",
            "client_properties": None,
            "max_messages": 1000,
            "retry_seconds": 0.01,
        }
        | changes
    )


def load_values(  # noqa: PLR0913  (a place has many parts)
    dsn: str,
    contract: Contract,
    values: Sequence[bytes | None],
    *,
    partition: int = 0,
    first_offset: int = 0,
    topic_id: str = "topic-id",
    kind: BatchKind = "load",
) -> int:
    """Load messages, or load them again, as a batch of one range, and commit it; the batch's number."""
    identity = TopicIdentity(contract.topic, "cluster", topic_id)
    wanted = OffsetRange(partition, first_offset, first_offset + len(values))
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        ledger.register_topic(cursor, identity)
        ledger.save_new_positions(cursor, identity, {partition: first_offset})
        batch = ledger.save_plan(cursor, identity, contract, (wanted,), kind=kind)
    # As if from the lake: the count stands for what Kafka would be asked.
    task = to_range_task(a_job(dsn), contract, replace(batch, source="lake"), expected={partition: len(values)})
    given = a_raw_batch(values, partition=partition, first_offset=first_offset)
    (outcome,) = [row for answer in range_loader(task)([given]) for row in answer.to_pylist()]
    assert outcome["status"] == "committed", outcome
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        assert finish.mark_committed(cursor, batch.batch_id)
    return batch.batch_id
