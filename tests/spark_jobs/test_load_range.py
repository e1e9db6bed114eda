"""Loading a range: rows, rejects and position move together or not at all. Messages are handed over by the test."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson
import psycopg2
import pyarrow as pa
import pytest
from kafka import KafkaProducer

from spark_jobs import ledger
from spark_jobs.batch import Batch, OffsetRange, RangeTask
from spark_jobs.load_range import range_loader, split_by_partition
from spark_jobs.statements import merge_order, table_statements
from spark_jobs.topic_state import TopicIdentity, read_topic_identity, read_topic_state
from tests.builders import a_bare_chart_message, a_chart_message, a_raw_batch, query, read_versions, to_bytes
from trendscript.contracts import load_contract, load_contracts
from trendscript.kafka import Message, publish

if TYPE_CHECKING:
    from collections.abc import Iterable

    from spark_jobs.batch import BatchKind
    from tests.conftest import MakeTopic, Stack

MESSAGES = [to_bytes(a_chart_message("a" * 11)), b"\xff{", None, to_bytes(a_bare_chart_message("b" * 11))]


@dataclass
class Planned:
    """A batch of two ranges of ten offsets each, planned in a real ledger for a real topic."""

    task: RangeTask
    dsn: str

    def load(self, *batches: pa.RecordBatch, **changes: Any) -> list[tuple[int, str, Any]]:
        """What the executor answers to these messages: partition, status and details of each range."""
        outcomes = range_loader(replace(self.task, **changes))(iter(batches))
        rows = [row for batch in outcomes for row in batch.to_pylist()]
        return [(row["partition"], row["status"], orjson.loads(row["details"])) for row in rows]

    def state(self) -> tuple[Any, ...]:
        """All that a range may write."""
        names = ("position", "batch_range", "dead_letter")
        kept = [sorted(query(self.dsn, f"select t::text from pipeline.{name} t")) for name in names]  # noqa: S608  (names from here)
        return read_versions(self.dsn, self.task.contract), kept

    def positions(self) -> list[tuple[int, int]]:
        """The next offset of each partition."""
        return query(self.dsn, "select partition, next_offset from pipeline.position order by 1")


@pytest.fixture
def planned(stack: Stack, database: str, make_topic: MakeTopic) -> Planned:
    """A planned batch, nothing of it loaded."""
    contract = replace(load_contract("youtube_trending"), topic=make_topic("charts", partitions=2))
    fill_with_unseen_messages(stack.bootstrap_servers, contract.topic)
    identity = read_topic_identity(contract.topic, stack.bootstrap_servers, None)
    batch = save_plan(database, identity)
    order = merge_order(load_contracts().values())
    tables = tuple(table_statements(contract, order))
    return Planned(RangeTask(batch, contract, tables, database, stack.bootstrap_servers, None), database)


def fill_with_unseen_messages(bootstrap_servers: str, topic: str) -> None:
    """Ten offsets a partition that no reader sees: nine messages of an aborted transaction, and its marker."""
    with closing(KafkaProducer(bootstrap_servers=bootstrap_servers, transactional_id=topic, acks="all")) as producer:
        producer.init_transactions()
        producer.begin_transaction()
        for number in range(18):
            producer.send(topic, b"unseen", partition=number % 2)
        producer.flush()
        producer.abort_transaction()


def save_plan(dsn: str, identity: TopicIdentity, *, begin: int = 0) -> Batch:
    """Ten offsets of each of two partitions, from `begin`."""
    ranges = (OffsetRange(0, begin, begin + 10), OffsetRange(1, begin, begin + 10))
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        ledger.register_topic(cursor, identity)
        ledger.save_new_positions(cursor, identity, {0: 0, 1: 0})
        return ledger.save_plan(cursor, identity, load_contract("youtube_trending"), ranges)


def test_a_range_moves_rows_rejects_and_position_together(planned: Planned) -> None:
    """Four messages of ten offsets: two rows' worth, two rejects, six offsets without a message."""
    outcomes = planned.load(a_raw_batch(MESSAGES[:2]), a_raw_batch(MESSAGES[2:], first_offset=8))
    assert outcomes == [(0, "committed", {})]
    assert query(planned.dsn, "select video_id, title from processed.video order by 1") == [
        ("a" * 11, "A title"),
        ("b" * 11, None),
    ]
    letters = 'select "offset", reason, message_value, message_key, batch_id from pipeline.dead_letter order by 1'
    found = [
        tuple(bytes(part) if isinstance(part, memoryview) else part for part in row)
        for row in query(planned.dsn, letters)
    ]
    assert found == [
        (1, "bad_unicode", b"\xff{", b"key", planned.task.batch.batch_id),
        (8, "tombstone", None, b"key", planned.task.batch.batch_id),
    ]
    assert planned.positions() == [(0, 10), (1, 0)]
    counts = "select partition, read, accepted, quarantined, skipped, tables from pipeline.batch_range"
    ((partition, *messages, tables),) = query(planned.dsn, f"{counts} where committed_at is not null")
    assert (partition, messages) == (0, [4, 2, 2, 6])
    assert tables["processed.video"] == {
        "rows": 1, "inserted": 1, "updated": 0, "unchanged": 0, "stale": 0, "duplicate": 0, "deleted": 0, "stubs": 1
    }  # fmt: skip


def test_a_reading_that_was_cut_off_is_rolled_back(planned: Planned, stack: Stack) -> None:
    """When messages follow that did not come, the stream ended early: nothing is written, and it may pass."""
    contract = planned.task.contract
    values = [Message(contract.topic, b"same", value) for value in MESSAGES * 6]
    publish(values, bootstrap_servers=stack.bootstrap_servers, client_properties=None)
    ends = read_topic_state(contract.topic, stack.bootstrap_servers, None).end
    partition = max(ends, key=ends.__getitem__)
    ranges = tuple(replace(found, until_offset=ends[found.partition]) for found in planned.task.batch.ranges)
    before = planned.state()

    ((_, status, failure),) = planned.load(
        a_raw_batch(MESSAGES, partition=partition), batch=replace(planned.task.batch, ranges=ranges)
    )

    assert (status, failure["passing"]) == ("failed", True)
    assert "reading ended at offset 4" in failure["text"]
    assert planned.state() == before


def test_a_dead_letter_that_is_accepted_later_is_closed_with_its_rows(planned: Planned) -> None:
    """In the transaction that loads it; one that is refused again is open again."""
    planned.load(a_raw_batch([b"{broken", b"{broken"]))
    letters = 'select "offset", state, closed_by_batch is null from pipeline.dead_letter order by 1'
    assert query(planned.dsn, letters) == [(0, "open", True), (1, "open", True)]
    query(planned.dsn, "update pipeline.batch set state = 'committed', committed_at = now()")
    identity = TopicIdentity(planned.task.contract.topic, "", planned.task.batch.topic_id)
    again = replace(save_plan(planned.dsn, identity), kind="replay")

    planned.load(a_raw_batch([to_bytes(a_chart_message("c" * 11)), b"{broken"]), batch=again)

    assert query(planned.dsn, letters) == [(0, "closed", False), (1, "open", True)]


def test_a_dead_letter_whose_message_does_not_come_again_stays_open(planned: Planned) -> None:
    """A compacted topic has holes: what was not read was not accepted either."""
    planned.load(a_raw_batch([b"{broken", b"{broken"]))
    query(planned.dsn, "update pipeline.batch set state = 'committed', committed_at = now()")
    identity = TopicIdentity(planned.task.contract.topic, "", planned.task.batch.topic_id)
    again = replace(save_plan(planned.dsn, identity), kind="replay")

    outcome = planned.load(a_raw_batch([to_bytes(a_chart_message("c" * 11))], first_offset=1), batch=again)

    assert [status for _, status, _ in outcome] == ["committed"]
    letters = 'select "offset", state from pipeline.dead_letter order by 1'
    assert query(planned.dsn, letters) == [(0, "open"), (1, "closed")]


def test_a_committed_range_is_left_as_it_is(planned: Planned) -> None:
    """A second attempt returns at once, whatever it is handed, and writes nothing."""
    planned.load(a_raw_batch(MESSAGES))
    before = planned.state()
    assert planned.load(a_raw_batch([to_bytes(a_chart_message("c" * 11))])) == [(0, "already committed", {})]
    assert planned.state() == before


def test_two_attempts_at_once_commit_once(planned: Planned) -> None:
    """A speculative attempt waits for the first and finds its work done."""
    barrier, outcomes = threading.Barrier(3), []

    def attempt() -> None:
        barrier.wait()
        outcomes.extend(planned.load(a_raw_batch(MESSAGES)))

    attempts = [threading.Thread(target=attempt) for _ in range(3)]
    for thread in attempts:
        thread.start()
    for thread in attempts:
        thread.join()
    assert sorted(status for _, status, _ in outcomes) == ["already committed", "already committed", "committed"]
    assert query(planned.dsn, "select count(*) from pipeline.dead_letter") == [(2,)]


def test_a_position_that_moved_rolls_the_range_back(planned: Planned) -> None:
    """Nothing is written, the failure needs a person, and the range beside it ends as it should."""
    query(planned.dsn, "update pipeline.position set next_offset = 3 where partition = 0")
    outcomes = planned.load(a_raw_batch(MESSAGES), a_raw_batch(MESSAGES, partition=1))
    assert [(partition, status) for partition, status, _ in outcomes] == [(0, "failed"), (1, "committed")]
    failure = outcomes[0][2]
    assert (failure["passing"], failure["exit_code"]) == (False, 78)
    assert failure["text"].startswith("partition 0, offsets 0 to 9: ")
    assert "the position is no longer 0" in failure["text"]
    assert planned.positions() == [(0, 3), (1, 10)]
    assert query(planned.dsn, "select distinct source_partition from processed.chart_entry") == [(1,)]
    assert query(planned.dsn, "select distinct partition from pipeline.dead_letter") == [(1,)]


def test_a_topic_created_anew_while_it_was_read_rolls_the_range_back(planned: Planned) -> None:
    """The ids are compared once more, just before the commit."""
    before = planned.state()
    ((_, status, failure),) = planned.load(
        a_raw_batch(MESSAGES), batch=replace(planned.task.batch, kind="replay", topic_id="an older one")
    )
    assert (status, failure["exit_code"]) == ("failed", 78)
    assert "deleted and created again: the ledger knows the id an older one" in failure["text"]
    assert planned.state() == before


def test_a_range_that_the_ledger_does_not_know_is_rolled_back(planned: Planned) -> None:
    """The database was restored while a load ran, perhaps."""
    before = planned.state()
    ((_, status, failure),) = planned.load(a_raw_batch(MESSAGES), batch=replace(planned.task.batch, batch_id=7))
    assert (status, failure["exit_code"]) == ("failed", 78)
    assert "no open range for partition 0 of batch 7" in failure["text"]
    assert planned.state() == before


def test_a_range_of_an_abandoned_batch_is_rolled_back(planned: Planned) -> None:
    """A late attempt at a replay, whose ranges no position guards; what was committed before stays so."""
    batch = replace(planned.task.batch, kind="replay")
    assert planned.load(a_raw_batch(MESSAGES, partition=1), batch=batch) == [(1, "committed", {})]
    query(planned.dsn, "update pipeline.batch set state = 'abandoned'")
    before = planned.state()
    late, earlier = planned.load(a_raw_batch(MESSAGES), a_raw_batch(MESSAGES, partition=1), batch=batch)
    assert (late[1], late[2]["fact"], earlier[1]) == ("failed", "RangeUnknown", "already committed")
    assert planned.state() == before


def test_a_connection_that_breaks_in_the_middle_writes_nothing(planned: Planned) -> None:
    """The failure passes, and the next attempt loads the range."""

    def break_after_first() -> Iterable[pa.RecordBatch]:
        yield a_raw_batch(MESSAGES)
        name = f"trendscript batch={planned.task.batch.batch_id} partition=0 attempt=%"
        ended = "select pg_terminate_backend(pid) from pg_stat_activity where application_name like %s"
        assert query(planned.dsn, ended, [name]) == [(True,)]
        yield a_raw_batch(MESSAGES, first_offset=5)

    before = planned.state()
    (outcome,) = [row for batch in range_loader(planned.task)(break_after_first()) for row in batch.to_pylist()]
    assert (outcome["status"], orjson.loads(outcome["details"])["passing"]) == ("failed", True)
    assert planned.state() == before
    assert planned.load(a_raw_batch(MESSAGES)) == [(0, "committed", {})]


def test_a_server_that_is_away_is_a_failure_that_passes(planned: Planned) -> None:
    """An outcome, not an exception, so that the driver decides."""
    ((_, status, failure),) = planned.load(a_raw_batch(MESSAGES), dsn="postgresql://postgres@127.0.0.1:1/postgres")
    assert (status, failure["passing"], failure["exit_code"]) == ("failed", True, 75)


def test_a_database_without_the_tables_needs_a_person(planned: Planned, empty_database: str) -> None:
    """Trying again would not make them."""
    ((_, status, failure),) = planned.load(a_raw_batch(MESSAGES), dsn=empty_database)
    assert (status, failure["passing"], failure["exit_code"]) == ("failed", False, 78)


@pytest.mark.parametrize("first_offset", [-1, 7, 10])
def test_offsets_outside_the_range_are_a_bug(planned: Planned, first_offset: int) -> None:
    """Spark handed over what wasn't planned: raised, nothing written."""
    before = planned.state()
    with pytest.raises(RuntimeError, match="planned were those of partition 0, offsets 0 to 9"):
        planned.load(a_raw_batch(MESSAGES, first_offset=first_offset))
    assert planned.state() == before


def test_more_messages_than_offsets_break_the_promise(planned: Planned) -> None:
    """An offset handed over twice doesn't add up; the range is rolled back and needs a person."""
    before = planned.state()
    ((_, status, failure),) = planned.load(*[a_raw_batch(MESSAGES)] * 3)
    assert (status, failure["passing"], failure["exit_code"]) == ("failed", False, 78)
    assert "10 offsets were planned and counted as" in failure["text"]
    assert planned.state() == before


def test_a_replay_leaves_the_position_and_the_dead_letters(planned: Planned) -> None:
    """Loading a range again, in another batch, changes nothing but the ledger's own account of it."""
    planned.load(a_raw_batch(MESSAGES))
    versions, before = planned.state()
    query(planned.dsn, "update pipeline.batch set state = 'committed', committed_at = now()")
    identity = TopicIdentity(planned.task.contract.topic, "", planned.task.batch.topic_id)
    again = replace(save_plan(planned.dsn, identity), kind="replay")
    assert planned.load(a_raw_batch(MESSAGES), batch=again) == [(0, "committed", {})]
    after_versions, after = planned.state()
    assert after_versions == versions
    assert (after[0], after[2]) == (before[0], before[2])


def a_bad_deploy(planned: Planned) -> Batch:
    """The planned batch over 150 offsets of partition 0, in the ledger too."""
    query(planned.dsn, "update pipeline.batch_range set until_offset = 150 where partition = 0")
    return replace(planned.task.batch, ranges=(OffsetRange(0, 0, 150),))


@pytest.mark.parametrize("kind", ["load", "replay"])
def test_too_much_quarantine_rolls_the_range_back(planned: Planned, kind: BatchKind) -> None:
    """Nothing is in quarantine, the position stays, the range stays open, and a person reads why."""
    batch = replace(a_bad_deploy(planned), kind=kind)
    before = planned.state()
    messages = a_raw_batch([b"{"] * 120 + [to_bytes(a_chart_message("a" * 11))] * 30)

    ((_, status, failure),) = planned.load(messages, batch=batch)

    assert (status, failure["passing"], failure["exit_code"]) == ("failed", False, 78)
    assert failure["fact"] == "QuarantineCeiling"
    assert "120 of 150 messages (80.0 %)" in failure["text"]
    assert planned.state() == before
    ((_, status, failure),) = planned.load(messages, batch=batch, dry_run=True)
    assert (status, failure["fact"]) == ("failed", "QuarantineCeiling")


def test_a_higher_ceiling_lets_the_range_through(planned: Planned) -> None:
    """For one run, by a contract that allows it."""
    batch = a_bad_deploy(planned)
    allowed = replace(planned.task.contract, max_quarantine_percent=100.0)
    assert planned.load(a_raw_batch([b"{"] * 150), batch=batch, contract=allowed) == [(0, "committed", {})]
    assert query(planned.dsn, "select count(*) from pipeline.dead_letter") == [(150,)]
    assert planned.positions()[0] == (0, 150)


def test_a_rehearsal_counts_as_a_load_would_and_leaves_no_trace(planned: Planned) -> None:
    """Ranges see those before them: what the first inserted is unchanged in the second."""
    before = planned.state()
    batches = [a_raw_batch(MESSAGES), a_raw_batch(MESSAGES, partition=1)]
    first, second = planned.load(*batches, dry_run=True)
    assert [first[:2], second[:2]] == [(0, "rolled back"), (1, "rolled back")]
    assert first[2]["messages"] == {"read": 4, "accepted": 2, "quarantined": 2, "skipped": 6}
    assert [details["tables"]["processed.video"]["inserted"] for details in (first[2], second[2])] == [1, 0]
    assert [details["tables"]["processed.video"]["unchanged"] for details in (first[2], second[2])] == [0, 1]
    assert planned.state() == before


def test_a_rehearsal_that_fails_says_so(planned: Planned, empty_database: str) -> None:
    """As an outcome of no partition."""
    ((partition, status, failure),) = planned.load(a_raw_batch(MESSAGES), dry_run=True, dsn=empty_database)
    assert (partition, status) == (-1, "failed")
    assert failure["text"].startswith("dry run: Postgres: ")


def split(*batches: pa.RecordBatch) -> list[tuple[int, list[int]]]:
    """Partitions and offsets as they are handed to ranges."""
    return [
        (partition, [offset for piece in pieces for offset in piece.column("offset").to_pylist()])
        for partition, pieces in split_by_partition(batches)
    ]


def test_batches_are_split_where_the_partition_changes() -> None:
    """A range may span batches, and a batch may span ranges; empty ones are nothing."""
    one, two, three = a_raw_batch([b""] * 2), a_raw_batch([b""], first_offset=2), a_raw_batch([b""], partition=1)
    mixed = pa.concat_batches([two, three])
    assert split(one, a_raw_batch([]), mixed, a_raw_batch([b""], partition=1, first_offset=1)) == [
        (0, [0, 1, 2]),
        (1, [0, 1]),
    ]
    assert split() == []
