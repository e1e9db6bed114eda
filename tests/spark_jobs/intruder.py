"""An intruder: another runner that takes a topic over while one is at work, through the ledger and nothing else."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import psycopg2

from spark_jobs import ledger
from spark_jobs.failures import LoadInterrupted
from spark_jobs.lease import take_lease
from tests.builders import query
from tests.spark_jobs.quarantined import CHARTS, as_writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from spark_jobs.batch import Batch, BatchKind, BatchSource, OffsetRange

_LEASES = """
    select pg_terminate_backend(pid, 10000) from pg_stat_activity
    where datname = current_database() and application_name like 'trendscript lease %%'
"""


def steal_lease(dsn: str, topic: str, held: ExitStack) -> None:
    """End the leases of all who work, and hold this topic's instead for as long as `held` is open."""
    query(dsn, _LEASES)
    held.enter_context(take_lease(dsn, topic))


@dataclass
class Intruder:
    """Plans one batch of a range; with `ends_lease` it has taken the topic's lease from the runner before.

    A context manager, which gives the lease back.
    """

    dsn: str
    wanted: OffsetRange
    kind: BatchKind = "load"
    source: BatchSource = "kafka"
    topic: str = "charts"
    ends_lease: bool = True
    batch: Batch | None = field(default=None, init=False)
    _held: ExitStack = field(default_factory=ExitStack, init=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def at(self, step: str, time: int = 1) -> Callable[[str, str], None]:
        """A listener to a runner's steps: at this one the runner meets a passing fault, and the intruder comes in."""
        left = time

        def listen(_topic: str, begun: str) -> None:
            nonlocal left
            left -= begun == step
            if begun == step and left == 0:
                self.come()
                raise LoadInterrupted("a passing fault")

        return listen

    def come(self) -> None:
        """End the lease, if that is meant, and plan."""
        if self.ends_lease:
            steal_lease(self.dsn, self.topic, self._held)
        with closing(psycopg2.connect(as_writer(self.dsn))) as connection, connection, connection.cursor() as cursor:
            identity = ledger.lock_topic(cursor, self.topic)
            assert identity is not None
            self.batch = ledger.save_plan(cursor, identity, CHARTS, (self.wanted,), kind=self.kind, source=self.source)

    def planned(self) -> str:
        """The state of its batch."""
        assert self.batch is not None
        ((state,),) = query(self.dsn, "select state from pipeline.batch where batch_id = %s", [self.batch.batch_id])
        return str(state)
