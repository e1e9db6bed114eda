"""Accept a gap: what `load` refuses is resolved by an operator's decision, which the ledger keeps for ever."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from spark_jobs import ledger
from spark_jobs.failures import database_failures
from spark_jobs.gaps import Acceptance, NothingToAccept, WholeTopicOnly, decide_gaps, decide_takeover
from spark_jobs.lease import take_lease
from trendscript.errors import TryAgainLater

if TYPE_CHECKING:
    from collections.abc import Collection

    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (psycopg2 spells its classes small)

    from spark_jobs.batch import Batch
    from spark_jobs.gaps import Gap
    from spark_jobs.job import Job
    from spark_jobs.topic_state import TopicIdentity, TopicState


class DecisionOutdated(TryAgainLater):
    """Raised when a position moved while it was decided what to give up; nothing was changed."""

    def __init__(self, topic: str, partition: int, known: int | None) -> None:
        self.topic, self.partition, self.known = topic, partition, known
        where = "had no position" if known is None else f"stood at offset {known}"
        super().__init__(
            f"{topic}, partition {partition} {where} when this was decided, and no longer does: an attempt to load it "
            "ended meanwhile. Nothing was changed. Look again with --dry-run, and decide again."
        )


def accept_gap(
    job: Job, topic: str, why: str, *, partitions: Collection[int] = (), dry_run: bool = False
) -> Acceptance:
    """Give up what can't be loaded any more, so that the next load goes on behind it; one transaction, or nothing.

    Raises NothingToAccept when a load would find nothing amiss, WholeTopicOnly, TopicBusy, DecisionOutdated, or
    TopicMissing.
    """
    with (
        database_failures(topic),
        take_lease(job.dsn, topic, "accept-gap", patience=job.patience),
        job.connected(f"accept gap of {topic}") as connection,
        connection,
        connection.cursor() as cursor,
    ):
        known = ledger.lock_topic(cursor, topic)
        if known is None:
            raise NothingToAccept(f"{topic} was never loaded, so there is no gap to accept.")
        state = job.topic_state(topic)
        accepted = _decide(cursor, known, state, partitions)
        if not (accepted.gaps or accepted.takes_over or accepted.abandoned):
            raise NothingToAccept(f"{topic}: nothing to accept. Kafka holds all that the ledger has yet to load.")
        if not dry_run:
            _apply(cursor, accepted, why)
        return accepted


def _decide(cursor: Cursor, known: TopicIdentity, state: TopicState, only: Collection[int]) -> Acceptance:
    positions, planned = ledger.read_positions(cursor, known.topic_id), _open_part(cursor, known.topic)
    if (known.cluster_id, known.topic_id) == (state.identity.cluster_id, state.identity.topic_id):
        return decide_gaps(state, positions, planned, only)
    if only:
        raise WholeTopicOnly(f"{known.topic} has become another topic: that is decided for all partitions at once.")
    here = ledger.read_positions(cursor, state.identity.topic_id)
    return decide_takeover(known, state, positions, here, planned)


def _open_part(cursor: Cursor, topic: str) -> Batch | None:
    """The unfinished batch with the ranges that aren't committed."""
    planned = ledger.find_planned(cursor, topic)
    if planned is None:
        return None
    committed = ledger.committed_partitions(cursor, planned[0].batch_id)
    return replace(planned[0], ranges=tuple(found for found in planned[0].ranges if found.partition not in committed))


def _apply(cursor: Cursor, accepted: Acceptance, why: str) -> None:
    # First of all: what still runs of the batch is ended, so that none of it moves a position meanwhile.
    if accepted.abandoned is not None:
        ledger.abandon_batch(cursor, accepted.abandoned.batch_id, why)
    if accepted.takes_over:
        _take_over(cursor, accepted.identity)
    for partition, offset in accepted.positions.items():
        _set_position(cursor, accepted, partition, offset)
    for gap in accepted.gaps:
        _record(cursor, accepted.identity.topic, gap, why)
        if gap.fault == "PositionAhead":
            _set_letters_aside(cursor, gap)


def _take_over(cursor: Cursor, identity: TopicIdentity) -> None:
    cursor.execute(
        "update pipeline.topic set cluster_id = %s, topic_id = %s where topic = %s",
        [identity.cluster_id, identity.topic_id, identity.topic],
    )


def _set_position(cursor: Cursor, accepted: Acceptance, partition: int, offset: int) -> None:
    """Move the position from where it was when this was decided, or write the first one. Raises DecisionOutdated."""
    identity, known = accepted.identity, accepted.known.get(partition)
    if known is None:
        cursor.execute(
            """
            insert into pipeline.position (topic, topic_id, partition, next_offset) values (%s, %s, %s, %s)
            on conflict do nothing
            """,
            [identity.topic, identity.topic_id, partition, offset],
        )
    else:
        cursor.execute(
            """
            update pipeline.position set next_offset = %s, updated_at = now()
            where topic_id = %s and partition = %s and next_offset = %s
            """,
            [offset, identity.topic_id, partition, known],
        )
    if cursor.rowcount != 1:
        raise DecisionOutdated(identity.topic, partition, known)


def _record(cursor: Cursor, topic: str, gap: Gap, why: str) -> None:
    cursor.execute(
        """
        insert into pipeline.accepted_gap
            (topic, topic_id, partition, from_offset, until_offset, fault, decided_by, why)
        values (%s, %s, %s, %s, %s, %s, %s, %s)
        """,
        [
            topic,
            gap.topic_id,
            gap.partition,
            gap.from_offset,
            gap.until_offset,
            gap.fault,
            ledger.requester(),
            why,
        ],
    )


def _set_letters_aside(cursor: Cursor, gap: Gap) -> None:
    """Give letters behind Kafka's end a topic id of their own: other messages will come to stand at their offsets."""
    cursor.execute(
        """
        update pipeline.dead_letter
        set topic_id = topic_id || ' before ' || to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
        where topic_id = %s and partition = %s and "offset" >= %s
        """,
        [gap.topic_id, gap.partition, gap.from_offset],
    )
