"""The end of a batch in a real ledger."""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import psycopg2

from spark_jobs import ledger
from spark_jobs.batch import OffsetRange
from spark_jobs.finish import finish_batch
from spark_jobs.job import Job
from spark_jobs.topic_state import TopicIdentity
from tests.builders import query
from tests.spark_jobs.quarantined import CHARTS, a_job
from trendscript.errors import ServerUnreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2 spells its classes small)

    from spark_jobs.report import BatchReport


@dataclass(frozen=True, kw_only=True)
class _ConnectedOnce(Job):
    """A job whose server goes away after the first connection."""

    @contextmanager
    def connected(self, purpose: str) -> Iterator[Connection]:
        if self.__dict__.setdefault("gone", False):
            raise ServerUnreachable(purpose)
        with super().connected(purpose) as connection:
            yield connection
        self.__dict__["gone"] = True


def test_a_batch_that_is_committed_is_told(database: str) -> None:
    """Though the server goes away right after: what the batch counted was read before."""
    with closing(psycopg2.connect(database)) as connection, connection, connection.cursor() as cursor:
        identity = TopicIdentity("charts", "cluster", "topic-id")
        ledger.register_topic(cursor, identity)
        ledger.save_new_positions(cursor, identity, {0: 0})
        batch = ledger.save_plan(cursor, identity, CHARTS, (OffsetRange(0, 0, 3),))
    told: list[tuple[str, BatchReport]] = []
    plain = a_job(database, on_batch=lambda *batch: told.append(batch))
    job = _ConnectedOnce(**{found.name: getattr(plain, found.name) for found in fields(plain)})

    report = finish_batch(job, batch, list(batch.ranges), {})

    assert told == [("charts", report)]
    assert (report.messages.read, report.messages.skipped) == (0, 3)
    assert query(database, "select state from pipeline.batch") == [("committed",)]
    assert query(database, "select next_offset from pipeline.position") == [(3,)]
