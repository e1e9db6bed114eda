"""People who are told: settings that lead to a receiver, a database of the test's own, and a fresh home."""

from __future__ import annotations

import ssl
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest

from tests.doctor.conftest import to_settings
from tests.notices.servers import WebHook, write_certificate
from trendscript.notices.news import Outcome
from trendscript.notices.tell import tell_news
from trendscript.settings import Settings, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trendscript.notices.tell import Notice


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
    path, key = write_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key)
    return context
