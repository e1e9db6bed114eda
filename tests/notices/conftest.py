"""People who are told: settings that lead to a receiver, a database of the test's own, and a fresh home."""

from __future__ import annotations

import ssl
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest

from tests.certificates import Authority
from tests.doctor.conftest import to_settings
from tests.notices.servers import WebHook
from tests.warehouse.rows import add_reading
from trendscript.notices.news import Outcome
from trendscript.notices.tell import tell_news
from trendscript.settings import Settings, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (a class with a lower-case name)

    from trendscript.notices.tell import Notice


BROKEN = b'{"broken'
FIRST, SECOND, THIRD = "a" * 11, "b" * 11, "c" * 11


def ago(**age: float) -> datetime:
    """A moment so long ago, in UTC."""
    return datetime.now(UTC) - timedelta(**age)


@dataclass
class Told:
    """Somebody who is told by a web hook, about one database."""

    hook: WebHook
    dsn: str
    values: dict[str, Any] = field(default_factory=dict)

    def settings(self, **changes: Any) -> Settings:
        """The settings, some of them changed."""
        return read_settings(**(self.values | changes))

    def tell(self, outcome: Outcome | None = None, **changes: Any) -> Notice:
        """Tell what is new, as a command that ended so; one that knows of nothing unless told."""
        return tell_news(self.settings(**changes), outcome or Outcome("notify"))

    def texts(self) -> list[str]:
        """What was heard since this was asked last, as titles with texts."""
        heard = [f"{notice['title']}\n{notice['message']}" for notice in self.hook.notices]
        self.hook.notices.clear()
        return heard

    def execute(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a statement as the superuser, and keep what it changes."""
        with closing(psycopg2.connect(self.dsn)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def writing(self) -> Iterator[Cursor]:
        """A cursor of the superuser, for rows; they are kept."""
        with closing(psycopg2.connect(self.dsn)) as connection, connection, connection.cursor() as cursor:
            yield cursor

    def read_chart(self, captured_at: datetime, *videos: str, region: str = "FR", size: int | None = None) -> None:
        """A reading of a chart with these videos, as if it had been loaded."""
        with self.writing() as cursor:
            add_reading(cursor, captured_at, videos, region=region, size=size)

    def grow_older(self, hours: float) -> None:
        """Let all that was told have been told so much earlier."""
        self.execute(
            "update pipeline.notice set since = since - %s, told_at = told_at - %s",
            timedelta(hours=hours),
            timedelta(hours=hours),
        )


@pytest.fixture
def told(database: str, tmp_path: Path) -> Iterator[Told]:
    """A receiver that takes everything, and nothing told so far."""
    with WebHook() as hook:
        home = {"trendscript_home": tmp_path / "home", "notify_urls": hook.url, "youtube_regions": ""}
        yield Told(hook, database, to_settings(database) | home)


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """What a server speaks TLS with, and this process trusts."""
    authority = Authority.make(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.certify(tmp_path, "127.0.0.1"))
    return context
