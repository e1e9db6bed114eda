"""Databases, lakes and topics to run the real command line against, each a fresh one over one stack."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import orjson
import psycopg2
from kafka import KafkaAdminClient, errors
from psycopg2 import sql

from trendscript.contracts import load_contract
from trendscript.kafka.topics import to_topic_options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TOPIC = "youtube_trending"
_LINEAGE = ("source_partition", "source_offset", "batch_id")
_OURS = (
    *("KAFKA_", "POSTGRES_", "YOUTUBE_", "TRENDSCRIPT_", "LAKE_", "LOAD_", "SPARK_", "PYSPARK_"),
    *("AUDIO_", "TRANSCRIPTION_", "TRANSCRIBER_", "WHISPER_", "OPENAI_"),
)
_LONGEST_COMMAND = 3_000
_TOPIC_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Servers:
    """A running stack under `home`, and where commands leave their files."""

    home: Path
    bootstrap_servers: str
    dsn: str
    folder: Path

    def make_warehouse(self, name: str, *, template: str | None = None, with_lake: bool = True) -> Warehouse:
        """A database and a lake that were not there before; migrated by the command, or copied from `template`."""
        source = template or "template0"
        execute(self.dsn, sql.SQL("create database {} template {}").format(*map(sql.Identifier, (name, source))))
        warehouse = Warehouse(self, name, self.folder / f"lake_{name}" if with_lake else None)
        if template is None:
            warehouse.run("migrate", "--json")
        return warehouse

    def recreate_topic(self, partitions: int) -> None:
        """Make youtube_trending an empty topic with so many partitions, as its contract says otherwise."""
        options = to_topic_options(load_contract(TOPIC)) | {"num_partitions": partitions}
        with closing(KafkaAdminClient(bootstrap_servers=self.bootstrap_servers)) as admin:
            if TOPIC in admin.list_topics():
                admin.delete_topics([TOPIC])
            _create(admin, options)
            admin.wait_for_topics([TOPIC])


@dataclass(frozen=True, slots=True)
class Warehouse:
    """One database with one lake or none, and the command line that works on them."""

    servers: Servers
    name: str
    lake: Path | None

    @property
    def dsn(self) -> str:
        """The superuser's address of the database."""
        return urlunsplit(urlsplit(self.servers.dsn)._replace(path=f"/{self.name}"))

    def run(self, *arguments: str, codes: Sequence[int] = (0,), settings: Mapping[str, str] | None = None) -> Any:
        """Run the command to its end and return its JSON report; it must end with one of `codes`."""
        done = subprocess.run(
            [_program(), *arguments],
            env=self._environ(settings or {}),
            cwd=self.servers.folder,
            capture_output=True,
            timeout=_LONGEST_COMMAND,
            check=False,
        )
        told = done.stderr.decode(errors="replace")[-3_000:]
        assert done.returncode in codes, f"{' '.join(arguments)[:300]} ended with {done.returncode}: {told}"
        return orjson.loads(done.stdout)

    def start(
        self, *arguments: str, output: IO[bytes] | int = subprocess.DEVNULL, settings: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start the command as the leader of a session of its own; what it says besides its output is thrown away."""
        return subprocess.Popen(
            [_program(), *arguments],
            env=self._environ(settings or {}),
            cwd=self.servers.folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def load(self, *options: str) -> Any:
        """Load youtube_trending; what the report says of it, batch by batch."""
        report = self.run("load", TOPIC, *options, "--json")
        (topic,) = report["topics"]
        return topic["batches"]

    def query(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Rows of a statement, times in UTC."""
        with closing(psycopg2.connect(self.dsn, options="-c timezone=UTC")) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement, values)
                return cursor.fetchall() if cursor.description else []

    def dump(self) -> dict[str, Path]:
        """Every table of schema processed, and what was quarantined, in files ordered by key, lineage left out."""
        folder = self.servers.folder / f"dump_{self.name}"
        folder.mkdir(exist_ok=True)
        names = [name for (name,) in self.query("select tablename from pg_tables where schemaname = 'processed'")]
        dumps = {name: self._dump(folder / name, self._table_query(name)) for name in sorted(names)}
        letters = sql.SQL(
            "select topic, reason, message_key, message_value, headers from pipeline.dead_letter order by 1, 2, 3, 4, 5"
        )
        return dumps | {"dead_letter": self._dump(folder / "dead_letter", letters)}

    def drop(self) -> None:
        """Remove the database, whoever is connected to it."""
        execute(self.servers.dsn, sql.SQL("drop database {} with (force)").format(sql.Identifier(self.name)))

    def remove_lake(self) -> None:
        """Remove the lake; the next load makes it anew."""
        if self.lake is not None:
            shutil.rmtree(self.lake, ignore_errors=True)

    def _table_query(self, table: str) -> sql.Composed:
        columns = self.query(
            "select column_name from information_schema.columns where table_schema = 'processed' and table_name = %s "
            "order by ordinal_position",
            [table],
        )
        kept = [sql.Identifier(name) for (name,) in columns if name not in _LINEAGE]
        key = self.query(
            "select a.attname from pg_index as i join pg_attribute as a on a.attrelid = i.indrelid "
            "and a.attnum = any (i.indkey) where i.indrelid = %s::regclass and i.indisprimary",
            [f"processed.{table}"],
        )
        return sql.SQL("select {} from {} order by {}").format(
            sql.SQL(", ").join(kept),
            sql.Identifier("processed", table),
            sql.SQL(", ").join(sql.Identifier(name) for (name,) in key),
        )

    def _dump(self, path: Path, query: sql.Composable) -> Path:
        with closing(psycopg2.connect(self.dsn, options="-c timezone=UTC")) as connection:
            statement = sql.SQL("copy ({}) to stdout").format(query).as_string(connection)
            with path.open("wb") as file, connection.cursor() as cursor:
                cursor.copy_expert(statement, file)
        return path

    def _environ(self, settings: Mapping[str, str]) -> dict[str, str]:
        """The caller's environment without settings of ours that would lead elsewhere."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        ours = {
            "TRENDSCRIPT_HOME": str(self.servers.home),
            "POSTGRES_DB": self.name,
            "LAKE_PATH": str(self.lake or "off"),
        }
        return kept | ours | dict(settings)


def execute(dsn: str, *statements: sql.Composable) -> None:
    """Run statements outside of a transaction."""
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


def _program() -> str:
    return str(Path(sys.executable).with_name("trendscript"))


def _create(admin: KafkaAdminClient, options: dict[str, Any]) -> None:
    """Create the topic; one of its name that was just deleted may be in the way for a moment."""
    deadline = time.monotonic() + _TOPIC_SECONDS
    while True:
        try:
            admin.create_topics({TOPIC: options})
        except errors.TopicAlreadyExistsError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return
