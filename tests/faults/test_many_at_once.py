"""A hundred ranges at once over the same few videos, charts and readings, whose rows refer to each other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg2
import pytest

from spark_jobs import finish, ledger
from spark_jobs.batch import OffsetRange
from spark_jobs.load_range import range_loader
from spark_jobs.ranges import to_range_task
from spark_jobs.topic_state import TopicIdentity
from tests.builders import a_raw_batch, query
from tests.faults.fold import Produced
from tests.faults.messages import Teller
from tests.faults.oracle import Account, examine
from tests.faults.scene import by_seed
from tests.spark_jobs.quarantined import CHARTS, a_job

if TYPE_CHECKING:
    from spark_jobs.batch import RangeTask
    from tests.faults.messages import Told
    from tests.faults.scene import Verdict

_RANGES, _AT_ONCE, _EACH = 100, 25, 60


@pytest.mark.case("8, 20")
def test_a_hundred_ranges_at_once(database: str, seed: int, verdict: Verdict) -> None:
    """Each ends with its commit, and PostgreSQL never had to break a deadlock."""
    chance = by_seed("a hundred", seed)
    told = Teller(chance, videos=40, instants=4).tell(_EACH * _RANGES)
    ranges = tuple(OffsetRange(partition, 0, _EACH) for partition in range(_RANGES))
    identity = TopicIdentity(CHARTS.topic, "cluster", "topic-id")
    with closing(psycopg2.connect(database)) as connection, connection, connection.cursor() as cursor:
        ledger.register_topic(cursor, identity)
        ledger.save_new_positions(cursor, identity, dict.fromkeys(range(_RANGES), 0))
        batch = ledger.save_plan(cursor, identity, CHARTS, ranges)
    # As if from the lake: the counts stand for what Kafka would be asked.
    expected = dict.fromkeys(range(_RANGES), _EACH)
    task = to_range_task(a_job(database), CHARTS, replace(batch, source="lake"), expected=expected)
    parts = [told[_EACH * number : _EACH * (number + 1)] for number in range(_RANGES)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        statuses = list(pool.map(lambda number: _load(task, number, parts[number]), range(_RANGES)))
    assert set(statuses) == {"committed"}
    with closing(psycopg2.connect(database)) as connection, connection, connection.cursor() as cursor:
        assert finish.mark_committed(cursor, batch.batch_id)

    log = [
        Produced(partition, offset, b"key", message.value, message.reason)
        for partition, part in enumerate(parts)
        for offset, message in enumerate(part)
    ]
    findings = examine(database, [Account("topic-id", log, dict.fromkeys(range(_RANGES), _EACH))], None)
    verdict.lost, verdict.doubled = len(findings.lost), len(findings.doubled)
    findings.check()
    query(database, "select pg_stat_force_next_flush()")
    assert query(database, "select deadlocks from pg_stat_database where datname = current_database()") == [(0,)]


def _load(task: RangeTask, partition: int, part: list[Told]) -> str:
    given = a_raw_batch([message.value for message in part], partition=partition)
    (answer,) = [row for found in range_loader(task)([given]) for row in found.to_pylist()]
    return str(answer["details"] if answer["status"] == "failed" else answer["status"])
