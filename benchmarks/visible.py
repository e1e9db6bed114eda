"""Visibility: with `load --follow`, the seconds from the moment a message is produced until a query sees its row."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import orjson
import psycopg2

from benchmarks.figures import Figure
from benchmarks.machine import say
from benchmarks.warm import OWN_TEMPLATE
from tests.real.warehouse import TOPIC
from trendscript.kafka import Message, Publisher

if TYPE_CHECKING:
    from subprocess import Popen

    from tests.real.warehouse import Servers

_A_SECOND = 100
_LOOK_EVERY = 0.02
_LONGEST_WAIT = 300.0
_SEEN = "select video_id from processed.chart_entry where batch_id >= %s and video_id like %s"


def measure(servers: Servers, seconds: float, *, lake: bool) -> list[Figure]:
    """A hundred messages a second for so long, once Spark has loaded for a while."""
    name = f"visible_{lake}".lower()
    say(f"visible within, {'with' if lake else 'without'} the lake")
    servers.recreate_topic(2)
    warehouse = servers.make_warehouse(name, template=OWN_TEMPLATE, with_lake=lake)
    process = warehouse.start("load", TOPIC, "--follow", "--every", "1", "--min-messages", "1")
    try:
        _produce_and_see(servers, warehouse.dsn, "warm", seconds / 2, process)
        delays = sorted(_produce_and_see(servers, warehouse.dsn, "told", seconds, process))
    finally:
        process.terminate()
        process.wait(_LONGEST_WAIT)
    warehouse.drop()
    warehouse.remove_lake()
    middle, most = delays[len(delays) // 2], delays[int(len(delays) * 0.95)]
    say(f"  {len(delays):,} messages: median {middle:.2f} s, p95 {most:.2f} s, longest {delays[-1]:.2f} s")
    number, beside = ("6c", " with the lake") if lake else ("6b", "")
    return [
        Figure(number, f"produced to visible at 100 messages a second{beside}, p95 s", most, most=None if lake else 1.0)
    ]


def _produce_and_see(servers: Servers, dsn: str, prefix: str, seconds: float, process: Popen[bytes]) -> list[float]:
    """The seconds each message took. All of them must be seen."""
    count = int(seconds * _A_SECOND)
    produced: dict[str, float] = {}
    seen: dict[str, float] = {}
    producing = threading.Thread(target=_produce, args=(servers, prefix, count, produced))
    producing.start()
    until = time.monotonic() + seconds + _LONGEST_WAIT
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        newest = 0
        while len(seen) < count:
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{len(seen)} of {count} messages were seen")
            cursor.execute(_SEEN, (newest, f"{prefix}%"))
            now = time.time()
            found = cursor.fetchall()
            for (video,) in found:
                seen.setdefault(video, now)
            cursor.execute("select coalesce(max(batch_id), 0) from processed.chart_entry")
            newest = cursor.fetchall()[0][0]
            time.sleep(_LOOK_EVERY)
    producing.join()
    return [seen[video] - made for video, made in produced.items()]


def _produce(servers: Servers, prefix: str, count: int, produced: dict[str, float]) -> None:
    with Publisher(bootstrap_servers=servers.bootstrap_servers, client_properties=None) as publisher:
        publisher.require_topics([TOPIC])
        began = time.monotonic()
        for number in range(count):
            time.sleep(max(0.0, began + number / _A_SECOND - time.monotonic()))
            video = f"{prefix}{number:0{11 - len(prefix)}d}"
            produced[video] = time.time()
            publisher.send(_message(video, number))


def _message(video: str, number: int) -> Message:
    minutes, second = divmod(number, 60)
    value = {
        "source": "youtube_api",
        "captured_at": f"2026-11-20T12:{minutes:02d}:{second:02d}Z",
        "region_code": "FR",
        "category_id": "0",
        "rank": 1,
        "size": 1,
        "item": {
            "id": video,
            "snippet": {"title": f"Video {number}", "description": "Words. " * 40, "tags": ["a", "b"]},
            "statistics": {"viewCount": str(number)},
        },
    }
    return Message(TOPIC, video.encode(), orjson.dumps(value))
