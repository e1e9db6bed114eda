"""Mail through a real SMTP server: in clear, with STARTTLS, with TLS from the start, with and without a login."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.notices.servers import PASSWORD, USER, mail_server, silent_server
from trendscript.notices import mail
from trendscript.notices.mail import find_sender, send_mail
from trendscript.notices.message import Message
from trendscript.notices.receivers import NotSent, PartlySent
from trendscript.settings import Settings, read_settings

if TYPE_CHECKING:
    import ssl

    from tests.notices.servers import MailServer

LOGIN = {"smtp_user": USER, "smtp_password": PASSWORD}
NOTICE = Message("Trendscript: 3 messages quarantined", "Überraschung\n  https://youtu.be/dQw4w9WgXcQ\n", "warning")


def _settings(server: MailServer | None, **changes: Any) -> Settings:
    given = {
        "smtp_server": "127.0.0.1",
        "smtp_port": server.port if server else 9,
        "email_receiver": "ada@example.org, bob@example.org",
    }
    return read_settings(**(given | changes))


def test_a_mail_reaches_everybody() -> None:
    """Subject, text, sender and receivers come as they are given, in a mail that answers nobody."""
    with mail_server() as server:
        send_mail(_settings(server, email_sender="trendscript@example.org"), NOTICE)
    (got,) = server.mails
    assert (got["Subject"], got["From"]) == (NOTICE.title, "trendscript@example.org")
    assert server.receivers == [["ada@example.org", "bob@example.org"]]
    assert got.get_content().replace("\r\n", "\n") == NOTICE.body
    assert got["Auto-Submitted"] == "auto-generated"
    assert {"Date", "Message-ID"} <= set(got.keys())


def test_a_login_goes_through_starttls(certificate: ssl.SSLContext) -> None:
    """Where STARTTLS is offered it is used before anything is said; the certificate is looked at."""
    with mail_server(starttls=certificate, with_login=True) as server:
        send_mail(_settings(server, **LOGIN), NOTICE)
    assert server.was_secret == [True]
    assert server.mails[0]["From"] == USER


def test_tls_from_the_start(certificate: ssl.SSLContext) -> None:
    """As port 465 has it, or as SMTP_TLS asks on any other."""
    with mail_server(tls=certificate, with_login=True) as server:
        send_mail(_settings(server, smtp_tls="tls", **LOGIN), NOTICE)
    assert server.was_secret == [True]


def test_a_certificate_that_nobody_signed_is_refused(
    certificate: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text says how it can be trusted; nothing was sent."""
    monkeypatch.delenv("SSL_CERT_FILE")
    with (
        mail_server(starttls=certificate, with_login=True) as server,
        pytest.raises(NotSent, match=r"not trusted .* SSL_CERT_FILE"),
    ):
        send_mail(_settings(server, **LOGIN), NOTICE)
    assert server.mails == []


@pytest.mark.parametrize("mode", ["auto", "starttls"])
def test_a_password_is_not_sent_in_clear(mode: str) -> None:
    """A server that offers no STARTTLS, or from whose answer somebody took it, gets neither user nor password."""
    with mail_server(with_login=True) as server:
        with pytest.raises(NotSent, match="no STARTTLS"):
            send_mail(_settings(server, smtp_tls=mode, **LOGIN), NOTICE)
        assert server.mails == []
        send_mail(_settings(server, smtp_tls="off", **LOGIN), NOTICE)
    assert server.was_secret == [False]


def test_a_wrong_password_is_told_without_it(certificate: ssl.SSLContext) -> None:
    """By the names of the settings and the server's code."""
    with mail_server(starttls=certificate, with_login=True) as server:
        wrong = {"smtp_user": USER, "smtp_password": "canary-that-is-wrong"}
        with pytest.raises(NotSent, match=r"SMTP_USER or SMTP_PASSWORD \(535\)") as refusal:
            send_mail(_settings(server, **wrong), NOTICE)
    assert "canary" not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_receivers_that_are_refused_are_told() -> None:
    """One of two is told as such, since nobody else would notice; what the server said stays out."""
    with mail_server() as server:
        server.refused = ("bob@example.org",)
        with pytest.raises(PartlySent, match="1 of 2 receivers") as refusal:
            send_mail(_settings(server), NOTICE)
        assert server.receivers == [["ada@example.org"]]
        server.refused = ("ada@example.org", "bob@example.org")
        with pytest.raises(NotSent, match="every receiver"):
            send_mail(_settings(server), NOTICE)
    assert PASSWORD not in str(refusal.value)


def test_a_server_that_is_away_or_silent_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens, nobody answers, or the name leads nowhere."""
    with pytest.raises(NotSent, match="ConnectionRefusedError"):
        send_mail(_settings(None), NOTICE)
    monkeypatch.setattr(mail, "_ANSWER_SECONDS", 0.3)
    with silent_server() as port, pytest.raises(NotSent, match="answer in time"):
        send_mail(_settings(None, smtp_port=port), NOTICE)


@pytest.mark.parametrize("tls", [False, True])
def test_a_server_that_is_slow_at_each_step_gets_nothing(
    monkeypatch: pytest.MonkeyPatch, certificate: ssl.SSLContext, *, tls: bool
) -> None:
    """The time is for all of it: a mail that comes after it was given up would come again with the next notice."""
    monkeypatch.setattr(mail, "_ANSWER_SECONDS", 3.0)
    with mail_server(tls=certificate if tls else None) as server:
        server.seconds = 2
        with pytest.raises(NotSent, match="answer in time"):
            send_mail(_settings(server, smtp_tls="tls" if tls else "off"), NOTICE)
        assert server.mails == []


@pytest.mark.parametrize("address", ["ada@example.org\nBcc: eve@example.org", "ada@example.org\r\nDATA"])
def test_an_address_with_a_line_break_is_refused(address: str) -> None:
    """It would put lines of its own into the mail's head."""
    with mail_server() as server, pytest.raises(NotSent):
        send_mail(_settings(server, email_receiver=address), NOTICE)
    assert server.mails == []


def test_the_sender_is_the_user_or_else_a_receiver() -> None:
    """An address that the server takes, without a setting."""
    assert find_sender(_settings(None, smtp_user="teller")) == "ada@example.org"
    assert find_sender(_settings(None, smtp_user=USER)) == USER
