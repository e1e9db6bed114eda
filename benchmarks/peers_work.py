"""The work that other loaders were measured on: real charts go in; a full topic, and tables to load it into, come out.

19 columns of each message go into one table keyed by video and country. The messages are those of
`../shared/data/youtube_charts`; elsewhere, made-up ones of the same shape.
"""

from __future__ import annotations

import csv
import lzma
import os
import random
from contextlib import closing
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import psycopg2

from trendscript.contracts.document import parse_contract
from trendscript.kafka import Message, publish

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from trendscript.contracts import Contract, Table

_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"
PARTITIONS = 4
COLUMNS = (
    "video_id", "country", "fetched_at", "published_at", "title", "localized_title", "channel_title", "channel_id",
    "category_id", "category_name", "tags", "thumbnail", "default_language", "audio_language", "duration_raw",
    "definition", "views", "likes", "comments",
)  # fmt: skip
_OTHERS = ("tag_count", "is_live", "duration", "caption_available", "licensed_content", "embeddable", "made_for_kids")
_TYPES = {
    "fetched_at": "timestamptz not null", "published_at": "timestamptz", "category_id": "integer", "views": "bigint",
    "likes": "bigint", "comments": "bigint", "video_id": "text not null", "country": "text not null",
}  # fmt: skip
_IN_COLUMNS = ", ".join(f"{name} {_TYPES.get(name, 'text')}" for name in COLUMNS)
DDL = f"""
create schema bench;
create table bench.chart (
    {_IN_COLUMNS}, row_digest bytea, source_partition integer, source_offset bigint, batch_id bigint,
    primary key (video_id, country)
);
create table bench.hand_made ({_IN_COLUMNS}, primary key (video_id, country));
create table bench.hand_made_position (partition integer primary key, next_offset bigint not null);
grant usage on schema bench to pipeline_writer;
grant select, insert, update, delete on all tables in schema bench to pipeline_writer;
"""
"""The table of our own load, which says where each row came from, and that of the hand-made one, which doesn't."""


@cache
def bench_contract() -> Contract:
    """The contract of the work."""
    text = Path(__file__).with_name("bench_chart.yaml").read_text(encoding="utf-8")
    return parse_contract(text, name="bench_chart", find_table=_no_table)


def _no_table(name: str) -> Table:
    raise KeyError(name)


def fill_topic(topic: str, bootstrap_servers: str, records: Iterable[dict[str, str]]) -> int:
    """Publish a message a record, keyed by video; how many they were. It isn't timed."""
    messages = (Message(topic, record["video_id"].encode(), orjson.dumps(record)) for record in records)
    return publish(messages, bootstrap_servers=bootstrap_servers, client_properties=None)


def take_records(most: int) -> Iterator[dict[str, str]]:
    """So many rows of real charts at most; where there are none, made-up ones."""
    folder = charts_folder()
    return islice(read_charts(folder) if folder else make_charts(), most)


def charts_folder() -> Path | None:
    """Where the real charts are: beside the project, or under the folder that TRENDSCRIPT_DATA names."""
    folder = Path(os.environ.get("TRENDSCRIPT_DATA") or _BESIDE) / "youtube_charts"
    return folder if folder.is_dir() else None


def write_charts(path: Path, most: int) -> int:
    """So many of the records as a file of the layout that the real ones have; how many they were."""
    records = take_records(most)
    first = next(records)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(first))
        writer.writeheader()
        writer.writerow(first)
        count = 1
        for record in records:
            writer.writerow(record)
            count += 1
    return count


def read_charts(folder: Path) -> Iterator[dict[str, str]]:
    """The rows of the daily charts, each as it stands in its file."""
    for path in sorted(folder.glob("*.csv.xz")):
        with lzma.open(path, "rt", encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file)


def make_charts(seed: int = 0) -> Iterator[dict[str, str]]:
    """Made-up rows of the same shape, size and share of repeats, without end."""
    chance = random.Random(seed)  # noqa: S311  (the same charts each time)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(3, 9))) for _ in range(5_000)]
    videos: list[dict[str, str]] = []
    day = 0
    while True:
        day += 1
        for country in ("DE", "FR", "GB", "US"):
            while len(videos) < 50 + 26 * day:
                videos.append(_make_video(chance, words))
            for video in videos[-50:]:
                views = chance.randint(1_000, 10**8)
                yield {
                    **video,
                    "country": country,
                    "fetched_at": f"{2000 + day // 360}-{day // 30 % 12 + 1:02}-{day % 28 + 1:02}T05:37:42Z",
                    "views": str(views),
                    "likes": str(views // 20),
                    "comments": str(views // 200),
                }


def _make_video(chance: random.Random, words: list[str]) -> dict[str, str]:
    def text(count: int) -> str:
        return " ".join(chance.choices(words, k=count))

    video_id = "".join(chance.choices("abcdefghijkmnopqrstuvwxyzABCDEFGHIJKLMN0123456789_-", k=11))
    return {
        "video_id": video_id,
        "published_at": "2026-01-03T13:15:05Z",
        "title": text(9),
        "localized_title": text(9),
        "channel_title": text(2),
        "channel_id": "UC" + "".join(chance.choices("abcdefABCDEF0123456789_-", k=22)),
        "category_id": str(chance.randint(1, 29)),
        "category_name": text(1),
        "tags": text(45),
        "thumbnail": f"https://i.ytimg.com/vi/{video_id}/hqdefault.jpg",
        "default_language": "en",
        "audio_language": "en",
        "duration_raw": f"PT{chance.randint(1, 59)}M{chance.randint(1, 59)}S",
        "definition": "hd",
        **dict.fromkeys(_OTHERS, "False"),
    }


def make_tables(dsn: str) -> None:
    """Both tables, empty."""
    _run(dsn, DDL)


def count_rows(dsn: str, table: str) -> tuple[Any, ...]:
    """What tells two loads of the same messages apart: rows, sums, and a hash over every column."""
    columns = ", ".join(COLUMNS)
    (found,) = _run(
        dsn,
        f"select count(*), sum(views), sum(likes), sum(comments), "  # noqa: S608  (names from here)
        f"md5(string_agg(md5(row({columns})::text), '' order by video_id, country)) from bench.{table}",
    )
    return found


def wal_position(dsn: str) -> int:
    """How many bytes of WAL the server has written in its life."""
    ((found,),) = _run(dsn, "select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint")
    return int(found)


def settle(dsn: str, table: str) -> None:
    """Leave no work of before to what is timed next."""
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"vacuum analyze bench.{table}")
            cursor.execute("checkpoint")


def _run(dsn: str, statement: str) -> list[tuple[Any, ...]]:
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []
