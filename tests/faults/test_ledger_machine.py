"""Any order of publishing, planning, loading, dying, retrying and replaying, by two runners, over a real ledger.

Without Spark: ranges are read by a plain consumer and handed to what an executor runs, so that steps take milliseconds.
"""

from __future__ import annotations

import random
import time
from contextlib import closing, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import hypothesis
import hypothesis.strategies as st
import orjson
import psycopg2
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import NewPartitions, NewTopic

from spark_jobs import ledger
from spark_jobs.fault_points import FaultPoint, listen
from spark_jobs.finish import finish_batch
from spark_jobs.job import Job
from spark_jobs.load_range import range_loader
from spark_jobs.loaded import plan_replay_ranges, read_loaded, take_ranges
from spark_jobs.plan import plan_batch, resume
from spark_jobs.ranges import to_range_task
from spark_jobs.raw_messages import RAW_SCHEMA
from tests.builders import query
from tests.faults.fold import Produced
from tests.faults.messages import Teller
from tests.faults.oracle import Account, examine
from tests.spark_jobs.quarantined import Killed, as_writer
from trendscript.contracts import load_contract
from trendscript.errors import TryAgainLater

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kafka import KafkaProducer
    from kafka.admin import KafkaAdminClient

    from spark_jobs.batch import Batch, OffsetRange
    from tests.conftest import Stack
    from tests.faults.scene import Verdict

_EXAMPLES, _EXAMPLES_IF_SHORT, _STEPS = 4, 2, 40
_MOST_PARTITIONS = 4
_ON_EXECUTORS: tuple[FaultPoint, ...] = (
    "in_copy",
    "after_copy",
    "in_merge",
    "before_commit",
    "after_commit_before_ack",
)


class _Death:
    """Raises Killed at a point, once."""

    def __init__(self) -> None:
        self.point: FaultPoint | None = None

    def __call__(self, point: FaultPoint, _partition: int | None) -> None:
        if point == self.point:
            self.point = None
            raise Killed


class LedgerMachine(RuleBasedStateMachine):
    """Two runners who never speak to each other, one topic, and all that may befall them."""

    stack: Stack
    template: str
    producer: KafkaProducer
    admin: KafkaAdminClient
    death: _Death
    steps = 0

    @initialize(seed=st.integers(0, 2**32))
    def begin(self, seed: int) -> None:
        """A fresh topic and database."""
        self.chance = random.Random(seed)  # noqa: S311  (no secret)
        self.name = f"machine_{time.time_ns()}"
        self.partitions = 2
        self.admin.create_topics([NewTopic(self.name, self.partitions, 1)])
        self.execute(f"create database {self.name} template {self.template}")
        self.dsn = f"{self.stack.dsn.rpartition('/')[0]}/{self.name}"
        self.contract = replace(load_contract("youtube_trending"), topic=self.name)
        self.job = Job(
            dsn=as_writer(self.dsn),
            bootstrap_servers=self.stack.bootstrap_servers,
            client_properties=None,
            max_messages=500_000,
        )
        self.teller = Teller(self.chance, videos=6, instants=3)
        self.log: list[Produced] = []
        self.runners: list[Batch | None] = [None, None]

    def execute(self, statement: str) -> None:
        """Run a statement outside of any transaction."""
        with closing(psycopg2.connect(self.stack.dsn)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)

    @rule(count=st.integers(1, 12))
    def publish(self, count: int) -> None:
        """Messages go to any partitions."""
        LedgerMachine.steps += 1
        sent = []
        for told in self.teller.tell(count):
            partition = self.chance.randrange(self.partitions)
            sent.append((told, self.producer.send(self.name, told.value, key=b"k", partition=partition)))
        for told, future in sent:
            found = future.get(30)
            self.log.append(Produced(found.partition, found.offset, b"k", told.value, told.reason))

    @precondition(lambda self: self.partitions < _MOST_PARTITIONS)
    @rule()
    def add_partition(self) -> None:
        """The topic grows."""
        LedgerMachine.steps += 1
        self.partitions += 1
        self.admin.create_partitions({self.name: NewPartitions(self.partitions)})
        deadline = time.monotonic() + 30
        while self.partitions - 1 not in (self.producer.partitions_for(self.name) or ()):
            assert time.monotonic() < deadline
            self.producer._metadata.request_update()  # noqa: SLF001  (the public way waits five minutes)
            time.sleep(0.02)

    @rule(runner=st.integers(0, 1), most=st.sampled_from([3, 10, 500_000]), dies=st.booleans())
    def plan(self, runner: int, most: int, *, dies: bool) -> None:
        """A runner plans, or takes up what is planned; it may die before its plan is durable."""
        LedgerMachine.steps += 1
        ends = self.job.topic_state(self.name).end
        self.death.point = "in_plan" if dies else None
        with suppress(Killed), self.job.connected("plan") as connection:
            self.runners[runner] = plan_batch(
                connection, self.contract, lambda: self.job.topic_state(self.name), ends, most
            )
        self.death.point = None

    @rule(runner=st.integers(0, 1), begin=st.integers(0, 20))
    def plan_replay(self, runner: int, begin: int) -> None:
        """An operator has some of what was loaded loaded again."""
        LedgerMachine.steps += 1
        with self.job.connected("replay") as connection, connection, connection.cursor() as cursor:
            known = ledger.lock_topic(cursor, self.name)
            if known is None:
                return
            batch = resume(cursor, self.name, lambda: self.job.topic_state(self.name))
            if batch is None:
                positions = ledger.read_positions(cursor, known.topic_id)
                loaded = read_loaded(cursor, known.topic_id)
                waiting = plan_replay_ranges(loaded, positions, dict.fromkeys(positions, begin), None)
                ranges, _ = take_ranges(waiting, 500_000)
                if ranges:
                    batch = ledger.save_plan(cursor, known, self.contract, ranges, kind="replay")
            self.runners[runner] = batch

    @precondition(lambda self: any(self.runners))
    @rule(
        runner=st.integers(0, 1),
        which=st.integers(0, _MOST_PARTITIONS - 1),
        dies=st.one_of(st.none(), st.sampled_from(_ON_EXECUTORS)),
        cut_off=st.booleans(),
    )
    def load(self, runner: int, which: int, dies: FaultPoint | None, *, cut_off: bool) -> None:
        """A runner loads one range of the batch it knows of, which may be done or gone; it may die at any point."""
        LedgerMachine.steps += 1
        batch = self.runners[runner]
        if batch is None or not batch.ranges:
            return
        wanted = batch.ranges[which % len(batch.ranges)]
        messages = self.read(wanted)
        if cut_off and messages:
            messages = messages[: self.chance.randrange(len(messages))]
        self.death.point = dies
        with suppress(Killed):
            self.load_range(batch, messages)
        self.death.point = None

    def load_range(self, batch: Batch, messages: list[dict[str, Any]]) -> None:
        """What an executor does with them, in pieces of a few messages. Only what may pass may fail."""
        task = to_range_task(self.job, self.contract, batch)
        pieces = [pa.RecordBatch.from_pylist(messages[at : at + 4], RAW_SCHEMA) for at in range(0, len(messages), 4)]
        for answer in range_loader(task)(iter(pieces)):
            for row in answer.to_pylist():
                details = orjson.loads(row["details"])
                assert row["status"] != "failed" or details["passing"], details

    def read(self, wanted: OffsetRange) -> list[dict[str, Any]]:
        """The messages of a range as Spark's rows."""
        place = TopicPartition(self.name, wanted.partition)
        found: list[dict[str, Any]] = []
        servers = self.stack.bootstrap_servers
        with closing(KafkaConsumer(bootstrap_servers=servers, enable_auto_commit=False)) as consumer:
            consumer.assign([place])
            consumer.seek(place, wanted.from_offset)
            while consumer.position(place) < wanted.until_offset:
                found += map(_to_row, consumer.poll(timeout_ms=200).get(place, []))
        return [row for row in found if row["offset"] < wanted.until_offset]

    @precondition(lambda self: any(self.runners))
    @rule(runner=st.integers(0, 1), dies=st.sampled_from([None, "before_finish", "after_finish"]))
    def finish(self, runner: int, dies: FaultPoint | None) -> None:
        """A runner finishes its batch, which it can only when all ranges are done."""
        LedgerMachine.steps += 1
        batch = self.runners[runner]
        if batch is None:
            return
        self.death.point = dies
        with suppress(Killed, TryAgainLater):
            finish_batch(self.job, batch, [], {})
            self.runners[runner] = None
        self.death.point = None

    @invariant()
    def tables_are_the_fold(self) -> None:
        """At every moment: what positions and ledger say is loaded is what stands, no more and no less."""
        if hasattr(self, "runners"):
            known = query(self.dsn, "select topic_id from pipeline.topic")
            if known:
                rows = query(self.dsn, "select partition, next_offset from pipeline.position")
                self.judge(known[0][0], dict(rows), settled=False)

    def judge(self, topic_id: str, ends: dict[int, int], *, settled: bool) -> None:
        """Hold the database against the messages before these offsets."""
        examine(self.dsn, [Account(topic_id, self.log, ends)], None, settled=settled).check()

    def teardown(self) -> None:
        """Somebody loads what is left, in peace, and everything is there once."""
        if not hasattr(self, "runners"):
            return
        try:
            self.load_the_rest()
            state = self.job.topic_state(self.name)
            self.judge(state.identity.topic_id, state.end, settled=True)
        finally:
            self.execute(f"drop database {self.name} with (force)")
            self.admin.delete_topics([self.name])

    def load_the_rest(self) -> None:
        """Plan, load and finish until nothing waits."""
        while True:
            state = self.job.topic_state(self.name)
            with self.job.connected("plan") as connection:
                batch = plan_batch(connection, self.contract, lambda: self.job.topic_state(self.name), state.end, 9)
            if batch is None:
                return
            for wanted in batch.ranges:
                self.load_range(batch, self.read(wanted))
            finish_batch(self.job, batch, [], {})


def _to_row(record: Any) -> dict[str, Any]:
    return {
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp * 1000,
        "key": record.key,
        "value": record.value,
        "headers": [],
    }


@pytest.fixture(scope="module")
def death() -> _Death:
    """What kills runners in this process."""
    found = _Death()
    listen(found)
    return found


@pytest.fixture
def machine(
    stack: Stack, migrated_template: str, producer: KafkaProducer, kafka_admin: KafkaAdminClient, death: _Death
) -> Iterator[type[LedgerMachine]]:
    """The machine over this run's servers."""
    LedgerMachine.stack, LedgerMachine.template = stack, migrated_template
    LedgerMachine.producer, LedgerMachine.admin, LedgerMachine.death = producer, kafka_admin, death
    LedgerMachine.steps = 0
    yield LedgerMachine
    death.point = None


@pytest.mark.case("1-6, 8")
def test_any_order_of_events(
    pytestconfig: pytest.Config, machine: type[LedgerMachine], seed: int, verdict: Verdict
) -> None:
    """Whatever happens in whatever order, tables, quarantine and ledger agree at every moment, and in the end."""
    run_state_machine_as_test(
        hypothesis.seed(seed)(machine),
        settings=settings(
            max_examples=_EXAMPLES_IF_SHORT if pytestconfig.getoption("--short") else _EXAMPLES,
            stateful_step_count=_STEPS,
            deadline=None,
            database=None,
            phases=[Phase.generate],  # a shorter way to the same failure would take longer to find than it saves
            suppress_health_check=list(HealthCheck),
        ),
    )
    verdict.lost = verdict.doubled = 0
    verdict.steps = machine.steps
