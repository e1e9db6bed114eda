"""Real servers that take notices, on the loopback interface: of mail, of web requests, and one that says nothing."""

from __future__ import annotations

import asyncio
import email.policy
import json
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import TYPE_CHECKING, Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from tests.transcriber.loopback_server import LoopbackServer, QuietHandler

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator
    from email.message import EmailMessage

    from aiosmtpd.smtp import SMTP, Envelope, Session

USER, PASSWORD = "teller@example.org", "canary-of-the-mail-server"


@dataclass
class MailServer:
    """A mail server and what it took; `refused` are receivers it doesn't take. `was_secret` is by mail.

    It thinks for so many `seconds` about each receiver.
    """

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    receivers: list[list[str]] = field(default_factory=list)
    was_secret: list[bool] = field(default_factory=list)
    refused: tuple[str, ...] = ()
    speaks_tls: bool = False
    seconds: float = 0

    async def handle_RCPT(  # noqa: N802  (aiosmtpd's name)
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take a receiver, or not."""
        await asyncio.sleep(self.seconds)
        if address in self.refused:
            return f"550 no such user, said with {PASSWORD}"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  (as above)
        """Keep a mail."""
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append(message_from_bytes(content, policy=email.policy.default))
        self.receivers.append(list(envelope.rcpt_tos))
        self.was_secret.append(self.speaks_tls or session.ssl is not None)
        return "250 OK"


def _check(_server: SMTP, _session: Session, _envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    known = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=known and mechanism in ("LOGIN", "PLAIN"), handled=False)


@contextmanager
def mail_server(
    *, starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None, with_login: bool = False
) -> Iterator[MailServer]:
    """A mail server that offers STARTTLS, or speaks TLS from the start, or neither; `with_login` it wants one."""
    server = MailServer(speaks_tls=tls is not None)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        server.port = probe.getsockname()[1]
    controller = Controller(
        server,
        hostname="127.0.0.1",
        port=server.port,
        ssl_context=tls,
        tls_context=starttls,
        require_starttls=starttls is not None,
        authenticator=_check if with_login else None,
        auth_required=with_login,
        auth_require_tls=False,
        ready_timeout=60,
    )
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


class WebHook(LoopbackServer):
    """Takes what Apprise sends as JSON; `code` is what it answers, once `answering` is set."""

    def __init__(self, code: int = 200) -> None:
        super().__init__(_HookHandler)
        self.code = code
        self.notices: list[dict[str, Any]] = []
        self.answering = threading.Event()
        self.answering.set()

    @property
    def url(self) -> str:
        """Its address, as Apprise has it, with a token."""
        return f"json://127.0.0.1:{self.port}/canary-of-the-hook"


class _HookHandler(QuietHandler[WebHook]):
    def do_POST(self) -> None:  # noqa: N802  (http.server's name)
        """Keep a notice."""
        self.server.owner.notices.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.server.owner.answering.wait(10)
        self.send_response(self.server.owner.code)
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def silent_server() -> Iterator[int]:
    """The port of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        held: list[socket.socket] = []

        def take() -> None:
            try:
                while True:
                    held.append(listener.accept()[0])
            except OSError:
                return

        threading.Thread(target=take, daemon=True).start()
        yield listener.getsockname()[1]
    for connection in held:
        connection.close()
