"""Receivers by address: one that takes it, refuses it, is unknown, or never answers; and none of them in words."""

from __future__ import annotations

import io
import logging
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.notices.servers import WebHook, silent_server
from trendscript.notices.message import Message
from trendscript.notices.receivers import NoReceivers, find_receivers, is_configured, send_to_all
from trendscript.settings import SettingsRefused, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOTICE = Message("A title", "A text\n", "warning")


def _send(urls: str, *, seconds: float = 60) -> dict[str, str | None]:
    answers = send_to_all(find_receivers(read_settings(notify_urls=urls)), NOTICE, seconds)
    return {name: None if failure is None else str(failure) for name, failure in answers.items()}


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What a program's log would hold; pytest's own has what loggers keep to themselves, too."""
    text, root = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(text)
    root.addHandler(handler)
    yield text
    root.removeHandler(handler)


def test_each_gets_it_whatever_becomes_of_the_others(log: io.StringIO) -> None:
    """The cause is known where a number says it; neither it nor any log holds an address."""
    with WebHook() as good, WebHook(401) as bad:
        answers = _send(f"{bad.url}, {good.url} nope://canary-unknown json://127.0.0.1:9/canary-away")
    assert answers == {
        "address 1 of NOTIFY_URLS": "the service answered 401",
        "address 2 of NOTIFY_URLS": None,
        "address 3 of NOTIFY_URLS": "Apprise can't read it, or knows no such service",
        "address 4 of NOTIFY_URLS": "the service refused it, or could not be reached",
    }
    (got,) = good.notices
    assert (got["title"], got["message"].strip(), got["type"]) == ("A title", "A text", "warning")
    assert "canary" not in f"{answers}{log.getvalue()}"


def test_one_that_never_answers_holds_up_nobody() -> None:
    """The others have it; after the time that is left it is told as late."""
    with WebHook() as good, silent_server() as port:
        _send(good.url)  # Apprise takes its time to be imported
        begun = time.monotonic()
        answers = _send(f"json://127.0.0.1:{port}/?rto=60&cto=60 {good.url}?rto=60", seconds=15)
        assert time.monotonic() - begun < 50
    assert answers == {"address 1 of NOTIFY_URLS": "no answer within 15 seconds", "address 2 of NOTIFY_URLS": None}


def test_addresses_come_from_a_file_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One a line, and lines of words between them."""
    file = tmp_path / "urls"
    file.write_text("# the team\njson://127.0.0.1:9/a\n\njson://127.0.0.1:9/b\n", encoding="utf-8")
    monkeypatch.setenv("NOTIFY_URLS_FILE", str(file))
    monkeypatch.setenv("SMTP_PASSWORD_FILE", str(file))
    settings = read_settings()
    assert len(find_receivers(settings)) == 2
    assert settings.smtp_password is not None
    assert "127.0.0.1" not in repr(settings)


@pytest.mark.parametrize(
    ("settings", "configured"),
    [
        ({}, False),
        ({"notify_urls": "  "}, False),
        ({"smtp_server": "mail.example.org"}, False),
        ({"email_receiver": "ada@example.org"}, False),
        ({"smtp_server": "mail.example.org", "email_receiver": "ada@example.org"}, True),
        ({"notify_urls": "json://example.org"}, True),
    ],
)
def test_who_is_told_is_known_from_the_settings(settings: dict[str, Any], *, configured: bool) -> None:
    """A server without receivers, and receivers without a server, are nobody."""
    found = read_settings(**settings)
    assert is_configured(found) is configured
    if not configured:
        with pytest.raises(NoReceivers):
            find_receivers(found)


def test_an_unknown_kind_is_refused_by_name() -> None:
    """Before a command begins, as for every setting."""
    with pytest.raises(SettingsRefused, match="NOTIFY_ON"):
        read_settings(notify_on="failure,everything")
    assert read_settings(notify_on="failure, stale").notify_on == ("failure", "stale")
