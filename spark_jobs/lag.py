"""Lag: the ledger's positions and Kafka's end offsets go in, how many messages of each partition wait comes out.

Spark commits no offsets in Kafka, so that Kafka's own tools can't tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spark_jobs.topic_state import TopicIdentity, read_topic_states

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (psycopg2 spells its classes small)

    from spark_jobs.job import Job
    from spark_jobs.topic_state import TopicState


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger knows of a topic: who it is, where each partition goes on, whether a batch is unfinished."""

    identity: TopicIdentity
    positions: Mapping[int, int]
    planned: bool


@dataclass(frozen=True, slots=True)
class Lag:
    """How many offsets of each partition were not loaded yet.

    `settled` tells that a load would find nothing to do: everything is loaded, nothing is unfinished, and the topic is
    the one that was loaded.
    """

    partitions: Mapping[int, int]
    settled: bool

    @property
    def messages(self) -> int:
        """Those of all partitions."""
        return sum(self.partitions.values())


def read_lags(job: Job, topics: Collection[str]) -> dict[str, Lag]:
    """By topic; those that Kafka doesn't have are left out.

    Raises PostgresUnreachable, LoadInterrupted, BrokerUnreachable or BrokerRefused.
    """
    states = read_topic_states(topics, job.bootstrap_servers, job.client_properties)
    # Asked after Kafka: a position may then be further than the end, and never seem to lag behind what was loaded.
    with job.connected("lag") as connection, connection, connection.cursor() as cursor:
        known = _read_known(cursor, topics)
    return {topic: to_lag(known.get(topic), state) for topic, state in states.items()}


def to_lag(known: Known | None, state: TopicState) -> Lag:
    """A topic's lag. What was never loaded is counted from where the first load would begin."""
    same = known is not None and known.identity == state.identity
    positions = known.positions if known is not None and same else {}
    begins = {
        partition: positions.get(partition, 0 if positions else state.earliest[partition]) for partition in state.end
    }
    return Lag(
        {partition: max(0, end - begins[partition]) for partition, end in sorted(state.end.items())},
        settled=known is not None and same and not known.planned and dict(positions) == state.end,
    )


def _read_known(cursor: Cursor, topics: Collection[str]) -> dict[str, Known]:
    cursor.execute(
        """
        select
            t.topic, t.cluster_id, t.topic_id,
            (
                select coalesce(jsonb_object_agg(p.partition, p.next_offset), '{}')
                from pipeline.position as p where p.topic_id = t.topic_id
            ),
            exists (select from pipeline.batch as b where b.topic = t.topic and b.state = 'planned')
        from pipeline.topic as t where t.topic = any(%s)
        """,
        [list(topics)],
    )
    return {
        topic: Known(
            TopicIdentity(topic, cluster_id, topic_id),
            {int(partition): offset for partition, offset in positions.items()},
            planned,
        )
        for topic, cluster_id, topic_id, positions, planned in cursor.fetchall()
    }
