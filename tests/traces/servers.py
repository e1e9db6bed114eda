"""Servers that ask for passwords and keys, and the secrets that open them."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import psycopg2
import pytest
from psycopg2 import sql
from psycopg2.extensions import parse_dsn

from ingest.loopback_answers import LoopbackData
from ingest.loopback_api import LoopbackApi
from tests.ingest.building import a_category, a_channel, a_chart_item
from tests.traces.calls import CHANNEL, VIDEO
from tests.transcriber.backends.loopback_speech_api import KEY, LoopbackSpeechApi
from trendscript.contracts import load_contracts
from trendscript.demo.speech import place_clips
from trendscript.kafka import ensure_topics, publish
from trendscript.local import broker, stack
from trendscript.local.ports import choose_port
from trendscript.migrations import migrate
from trendscript.transcription_requests import TranscriptionRequest, new_request_id, to_request_message

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"
_LISTENER = """
listener.name.sasl_plaintext.sasl.enabled.mechanisms=PLAIN
listener.name.sasl_plaintext.plain.sasl.jaas.config={login} user_canary="{password}";
"""
NOBODY = "127.0.0.1:9"


@dataclass(frozen=True, slots=True)
class Canary:
    """A secret, and its part that is looked for: what quoting and escaping leave as it is."""

    name: str
    secret: str
    part: str

    @classmethod
    def new(cls, name: str, pattern: str) -> Canary:
        """One that nobody writes by chance, at the place of the asterisk."""
        part = secrets.token_hex(12)
        return cls(name, pattern.replace("*", part), part)


@dataclass(frozen=True, slots=True)
class Secrets:
    """One of each kind."""

    postgres: Canary
    kafka: Canary
    youtube: Canary
    speech: Canary

    def all(self) -> tuple[Canary, ...]:
        """As a list."""
        return self.postgres, self.kafka, self.youtube, self.speech


def right_secrets() -> Secrets:
    """Those that the servers take; but for Kafka's and the speech server's with characters that want to be quoted."""
    return Secrets(
        Canary.new("Postgres's password", "p'q\\ %/+é@:*#"),
        Canary.new("Kafka's password", "k+/=*="),
        Canary.new("YouTube's key", "AIza+/=*&x=1"),
        Canary("the speech server's key", KEY, KEY),
    )


def wrong_secrets() -> Secrets:
    """Those that they refuse."""
    return Secrets(
        Canary.new("a wrong Postgres password", "w'q\\ %/+é@:*#"),
        Canary.new("a wrong Kafka password", "w+/=*="),
        Canary.new("a wrong YouTube key", "AIza+/=*&x=2"),
        Canary.new("a wrong speech key", "sk-+/=*"),
    )


@dataclass(frozen=True, slots=True)
class Servers:
    """The servers, where they keep their files, and what opens them."""

    home: Path
    kafka: str
    postgres: dict[str, str]
    youtube: LoopbackApi
    speech: LoopbackSpeechApi
    secrets: Secrets
    pids: tuple[int, ...]
    own_password: str

    def settings(self, folder: Path) -> dict[str, str]:
        """Settings that lead here, with every secret in a file of this folder."""
        for name, canary in (("p", self.secrets.postgres), ("y", self.secrets.youtube), ("s", self.secrets.speech)):
            (folder / name).write_text(canary.secret, encoding="utf-8")
        return {
            "TRENDSCRIPT_HOME": str(self.home),
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka,
            "KAFKA_CLIENT_PROPERTIES": str(client_properties(folder, self.secrets.kafka)),
            "POSTGRES_HOST": self.postgres["host"],
            "POSTGRES_PORT": self.postgres["port"],
            "POSTGRES_USER": "canary",
            "POSTGRES_PASSWORD_FILE": str(folder / "p"),
            "YOUTUBE_API_KEY_FILE": str(folder / "y"),
            "YOUTUBE_API_ENDPOINT": self.youtube.endpoint,
            "YOUTUBE_RETRY_SECONDS": "0.01",
            "AUDIO_SOURCE": "folder",
            "AUDIO_FOLDER": str(self.home / "audio"),
            "TRANSCRIPTION_BACKEND": "openai",
            "OPENAI_API_KEY_FILE": str(folder / "s"),
            "OPENAI_BASE_URL": self.speech.base_url,
            "OPENAI_MODEL": "whisper-1",
            "SPARK_MASTER": "local[1]",
        }


def client_properties(folder: Path, password: Canary) -> Path:
    """A file as a Java client takes it."""
    path = folder / f"{password.part}.properties"
    lines = ["security.protocol=SASL_PLAINTEXT", "sasl.mechanism=PLAIN"]
    lines.append(f'sasl.jaas.config={_LOGIN} username="canary" password="{password.secret}";')
    path.write_text("\n".join(lines), encoding="utf-8")
    return path.rename(folder / f"{len(list(folder.iterdir()))}.properties")  # nor is it in the file's name


@contextmanager
def open_servers() -> Iterator[Servers]:
    """A Kafka with SASL, a Postgres with passwords, and the two APIs with keys, until the block ends."""
    right = right_secrets()
    home = Path(tempfile.mkdtemp(prefix="trendscript-test-"))
    home.chmod(0o711)  # as root, Postgres runs under another account and has to get in
    with ExitStack() as opened:
        opened.callback(shutil.rmtree, home, ignore_errors=True)
        opened.callback(stack.down, home)
        port = choose_port(20_000 + secrets.randbelow(12_000))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(broker, "_SERVER_PROPERTIES", _with_sasl(broker._SERVER_PROPERTIES, port, right.kafka))  # noqa: SLF001  (the one place where a listener can be added)
            found = stack.up(home)
        assert found.postgres.address
        assert found.kafka.address
        dsn = found.postgres.address
        _ask_for_password(home, dsn, right.postgres)
        migrate(dsn)
        ensure_topics(load_contracts().values(), bootstrap_servers=found.kafka.address, client_properties=None)
        _ask_for_speech(home, found.kafka.address)
        yield Servers(
            home,
            f"127.0.0.1:{port}",
            parse_dsn(dsn),
            opened.enter_context(LoopbackApi(_data(), key=right.youtube.secret)),
            opened.enter_context(LoopbackSpeechApi()),
            right,
            tuple(pid for pid in (found.kafka.pid, found.postgres.pid) if pid),
            parse_dsn(dsn)["password"],
        )


def _with_sasl(properties: str, port: int, password: Canary) -> str:
    """The broker's properties with a second door."""
    listener = f"SASL_PLAINTEXT://127.0.0.1:{port}"
    mapped = properties.replace(",CONTROLLER:PLAINTEXT", ",CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT")
    doors = mapped.replace("listeners=PLAINTEXT://{host}:{port}", f"listeners={listener},PLAINTEXT://{{host}}:{{port}}")
    assert doors.count(listener) == 2
    return doors + _LISTENER.format(login=_LOGIN, password=password.secret)


def _ask_for_password(home: Path, dsn: str, password: Canary) -> None:
    """A role with a password, which the server asks for; of its own roles it does so of the superuser alone."""
    access = home / "postgres" / "data" / "pg_hba.conf"
    access.write_text(f"host all canary 127.0.0.1/32 scram-sha-256\n{access.read_text('ascii')}", encoding="ascii")
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        statement = sql.SQL("create role canary superuser login password {}")
        cursor.execute(statement.format(sql.Literal(password.secret)))
        cursor.execute("select pg_reload_conf()")


def _ask_for_speech(home: Path, kafka: str) -> None:
    """A request that every new group of transcribers finds, and the audio."""
    place_clips(home / "audio")
    request = TranscriptionRequest(
        new_request_id(), VIDEO, datetime.now(UTC), None, again=True, reason="asked", source="test"
    )
    publish([to_request_message(request)], bootstrap_servers=kafka, client_properties=None)


def _data() -> LoopbackData:
    item = a_chart_item(1, id=VIDEO)
    return LoopbackData(
        charts={("FR", "0"): [item]},
        videos={VIDEO: item},
        channels={CHANNEL: {**a_channel(1), "id": CHANNEL}},
        categories={"FR": [a_category(10, "Music")]},
        regions=["FR"],
    )


def a_chart_file() -> bytes:
    """An answer of the API, saved."""
    return orjson.dumps({"kind": "youtube#videoListResponse", "items": [a_chart_item(2)]})
