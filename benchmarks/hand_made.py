"""`python -m benchmarks.hand_made`: the loader that somebody in a hurry writes by hand, as fast as Python does it.

librdkafka, orjson, COPY as text, an upsert, positions in the same transaction. It checks nothing, keeps nothing that
is refused, has no ledger, and its last writer wins: it is what those things are measured against.
"""

from __future__ import annotations

import io
import time
from contextlib import closing
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated, cast

import orjson
import psycopg2
import typer
from confluent_kafka import Consumer, TopicPartition

from benchmarks.peers_work import COLUMNS, PARTITIONS

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (psycopg2 spells its classes small)

_BATCH = 50_000
_KEY = ("video_id", "country")
_NAMES = ", ".join(COLUMNS)
_SET = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS if name not in _KEY)
_MERGE = f"""
insert into bench.hand_made ({_NAMES})
select distinct on (video_id, country) {_NAMES} from stage order by video_id, country, fetched_at desc, n desc
on conflict (video_id, country) do update set {_SET}
"""  # noqa: S608  (names from here)
_MOVE = """
insert into bench.hand_made_position values (%s, %s)
on conflict (partition) do update set next_offset = excluded.next_offset
"""


def main(
    dsn: str,
    servers: str,
    topic: str,
    share: Annotated[int, typer.Option(help="Which of the processes this one is, from 0.")] = 0,
    processes: Annotated[int, typer.Option(help="How many load; each takes every so-manieth partition.")] = 1,
) -> None:
    """Load what the topic holds; one JSON line with the seconds from the first poll to the last commit."""
    with closing(_consumer(servers)) as consumer, closing(psycopg2.connect(dsn)) as connection:
        places = [TopicPartition(topic, number) for number in range(PARTITIONS) if number % processes == share]
        ends = {place.partition: consumer.get_watermark_offsets(place)[1] for place in places}
        for place in places:
            place.offset = 0
        with connection.cursor() as cursor:
            cursor.execute("create temp table stage (n integer, like bench.hand_made) on commit delete rows")
            connection.commit()
            started = time.time()
            consumer.assign(places)
            count = _load(consumer, cursor, ends)
    typer.echo(orjson.dumps({"messages": count, "started": started, "ended": time.time()}))


def _consumer(servers: str) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "hand-made",
            "enable.auto.commit": False,
            "fetch.message.max.bytes": 8 << 20,
            "fetch.max.bytes": 64 << 20,
            "queued.max.messages.kbytes": 262_144,
            "fetch.wait.max.ms": 20,
            "check.crcs": False,
        }
    )


def _load(consumer: Consumer, cursor: Cursor, ends: dict[int, int]) -> int:
    get, loads = itemgetter(*COLUMNS), orjson.loads
    positions = dict.fromkeys(ends, 0)
    lines: list[str] = []
    count = 0
    while any(positions[partition] < end for partition, end in ends.items()):
        messages = consumer.consume(min(_BATCH - len(lines), 5_000), 0.2)
        for message in messages:
            count += 1
            row = get(loads(cast("bytes", message.value())))
            line = "\t".join(row)
            if "\\" in line or "\n" in line or "\r" in line or line.count("\t") != len(COLUMNS) - 1:
                line = "\t".join(map(_escape, row))
            lines.append(f"{count}\t{line}\n")
            positions[cast("int", message.partition())] = cast("int", message.offset()) + 1
        if len(lines) >= _BATCH or not messages or all(positions[part] >= end for part, end in ends.items()):
            _flush(cursor, lines, positions)
            lines.clear()
    return count


def _flush(cursor: Cursor, lines: list[str], positions: dict[int, int]) -> None:
    if lines:
        cursor.copy_expert(f"copy stage (n, {_NAMES}) from stdin", io.BytesIO("".join(lines).encode()), 1 << 20)
        cursor.execute(_MERGE)
        cursor.executemany(_MOVE, positions.items())
        cursor.connection.commit()


def _escape(value: str) -> str:
    value = value.replace("\\", "\\\\")
    return value.replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")


if __name__ == "__main__":
    typer.run(main)
