"""A scene: a topic, a database and a lake of one case, what was put into the topic, and how the case is judged."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from spark_jobs.load import load_topic
from spark_jobs.reconcile import reconcile
from spark_jobs.topic_state import read_topic_state
from tests.builders import query
from tests.faults.fold import Produced
from tests.faults.messages import Teller
from tests.faults.oracle import Account, Findings, examine
from trendscript.errors import ServerUnreachable, TryAgainLater
from trendscript.postgres import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from kafka import KafkaProducer

    from spark_jobs.job import LoadJob
    from spark_jobs.report import TopicReport
    from spark_jobs.topic_state import TopicState
    from tests.faults.messages import Told
    from tests.faults.orders import Faults, Order
    from trendscript.contracts import Contract

_RECOVERIES = 4


@dataclass
class Verdict:
    """What a run came to; None where it ended before that was known, or knows no such thing."""

    lost: int | None = None
    doubled: int | None = None
    seconds: float | None = None
    steps: int | None = None


@dataclass
class Scene:
    """A topic and the warehouse it is loaded into. `chance` decides all that a seed is to vary."""

    topic: str
    dsn: str
    bootstrap_servers: str
    bronze: Path | None
    producer: KafkaProducer
    faults: Faults
    chance: random.Random
    verdict: Verdict
    partitions: int = 3
    log: list[Produced] = field(default_factory=list)
    past: list[Account] = field(default_factory=list)
    gaps: set[tuple[int, int]] = field(default_factory=set)
    begins: dict[int, int] = field(default_factory=dict)
    keys: list[bytes] | None = None
    _fault_at: float | None = None

    def __post_init__(self) -> None:
        self.teller = Teller(self.chance)

    def tell(self, count: int) -> None:
        """Publish so many messages, over partitions and in an order that the seed decides."""
        self.publish(self.teller.tell(count))

    def publish(self, told: Sequence[Told], *, partition: int | None = None) -> None:
        """Publish messages, and keep where each of them stands."""
        sent = []
        for message in told:
            wanted = self.chance.randrange(self.partitions) if partition is None else partition
            key = self.chance.choice([None, b"", b"key \xff"] if self.keys is None else self.keys)
            if key is None and message.value is None:
                key = b"gone"  # the producer sends no message of nothing
            sent.append((message, key, self.producer.send(self.topic, message.value, key=key, partition=wanted)))
        self.producer.flush()
        for message, key, future in sent:
            placed = future.get(30)
            self.log.append(Produced(placed.partition, placed.offset, key, message.value, message.reason))

    def state(self) -> TopicState:
        """Who the topic is, and its offsets as readers see them."""
        return read_topic_state(self.topic, self.bootstrap_servers, None)

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of a statement, as the superuser; what it changes is kept."""
        return query(self.dsn, statement, values)

    def administer(self, statement: str) -> None:
        """Run a statement outside of any transaction, in a database that is not the scene's own."""
        server = f"{self.dsn.rpartition('/')[0]}/postgres"
        connection = connect(server, application_name="a test", autocommit=True)
        with closing(connection), connection.cursor() as cursor:
            cursor.execute(statement)

    def order(self, *orders: Order) -> None:
        """Have these faults happen from now on."""
        self.faults.give(*orders)

    def fault_now(self) -> None:
        """The fault begins: from here on the time is taken."""
        self._fault_at = time.time()

    def recovered(self) -> None:
        """Everything has gone through again."""
        notes = self.faults.notes()
        begun = self._fault_at or (notes[0].at if notes else None)
        self.verdict.seconds = None if begun is None else round(time.time() - begun, 3)

    def leave_behind(self) -> None:
        """The topic as it was is no more: what of it was loaded stays, and is still judged."""
        ((topic_id,),) = self.query("select topic_id from pipeline.topic where topic = %s", self.topic)
        positions = dict(
            self.query("select partition, next_offset from pipeline.position where topic_id = %s", topic_id)
        )
        self.past.append(Account(topic_id, self.log, positions, self.begins, frozenset(self.gaps)))
        self.log, self.begins, self.gaps = [], {}, set()

    def judge(self, *, ends: dict[int, int] | None = None, with_bronze: bool = True) -> None:
        """All faults have happened, and nothing is lost or doubled up to `ends`; Kafka's ends if none are given."""
        self.faults.withdraw()
        self.faults.check_carried_out()
        state = self.state()
        now = Account(state.identity.topic_id, self.log, ends or state.end, self.begins, frozenset(self.gaps))
        self.settle(examine(self.dsn, [*self.past, now], self.bronze if with_bronze else None))

    def settle(self, findings: Findings) -> None:
        """Keep what was found, and fail unless it is nothing."""
        self.verdict.lost, self.verdict.doubled = len(findings.lost), len(findings.doubled)
        findings.check()


@dataclass
class WarmScene(Scene):
    """A scene whose loads run in a Spark session that is there already; `job` and `contract` are theirs."""

    job: LoadJob = None  # type: ignore[assignment]  # fields before it have defaults
    contract: Contract = None  # type: ignore[assignment]  # fields before it have defaults

    def settle(self, findings: Findings) -> None:
        """As any scene, and the load's own account of itself must agree."""
        super().settle(findings)
        assert reconcile(self.dsn).differences == ()

    def load(self, **changes: Any) -> TopicReport:
        """One load; `changes` are fields of its job."""
        return load_topic(replace(self.job, **changes), self.contract)

    def try_load(self, **changes: Any) -> Exception | None:
        """One load, which may end with a failure that passes; that failure."""
        try:
            self.load(**changes)
        except (TryAgainLater, ServerUnreachable) as failure:
            return failure
        return None

    def recover(self) -> None:
        """Load until one goes through, as a schedule does, with no fault in the way; the time is taken."""
        self.faults.withdraw()
        for _ in range(_RECOVERIES):
            failure = self.try_load()
            if failure is None:
                self.recovered()
                return
        raise AssertionError(f"{_RECOVERIES} loads after the fault the last still fails") from failure

    def strike(self, *orders: Order, **changes: Any) -> None:
        """Load while these faults happen, recover, and judge."""
        self.order(*orders)
        self.try_load(**changes)
        self.recover()
        self.judge()

    @contextmanager
    def loading(self, **changes: Any) -> Iterator[Future[Exception | None]]:
        """A load beside the block; it has ended, well or with a failure that passes, when the block is left."""
        with beside(lambda: self.try_load(**changes)) as running:
            try:
                yield running
            finally:
                self.faults.withdraw()
        running.result()


@contextmanager
def beside(work: Callable[[], Any]) -> Iterator[Future[Any]]:
    """Work done in a thread of its own beside the block, and ended with it."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(work)


def by_seed(case: str, seed: int) -> random.Random:
    """What decides in this run; every run of a case differs, and each can be had again."""
    return random.Random(f"{case} {seed}")  # noqa: S311  (no secret)
