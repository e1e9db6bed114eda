"""Mail: settings and a message go in, an SMTP server has taken it for every receiver, or one sentence says why not."""

from __future__ import annotations

import smtplib
import ssl
import time
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import TYPE_CHECKING, Any

from trendscript.notices.receivers import NotSent, PartlySent

if TYPE_CHECKING:
    from trendscript.notices.message import Message
    from trendscript.settings import Settings

_ANSWER_SECONDS = 10.0  # for the whole of it: less than `tell` waits for a receiver


def send_mail(settings: Settings, message: Message) -> None:
    """Send it to all of EMAIL_RECEIVER. Raises NotSent, or PartlySent where the server refuses some of them.

    Their texts hold neither the password nor the server's words.

    With SMTP_TLS=auto, port 465 is TLS from the start, and elsewhere STARTTLS is used where it is offered; a password
    is never sent without one of them.
    """
    try:
        with _connect(settings) as server:
            _secure(server, settings)
            if settings.smtp_user:
                secret = settings.smtp_password
                server.login(settings.smtp_user, secret.get_secret_value() if secret else "")
            refused = server.send_message(to_mail(settings, message))
    except (OSError, ValueError) as error:  # all of smtplib's and ssl's are OSErrors
        raise NotSent(_cause(error)) from None
    if refused:
        raise PartlySent(f"{len(refused)} of {len(settings.email_receiver)} receivers were refused")


def to_mail(settings: Settings, message: Message) -> EmailMessage:
    """The mail as text. Raises ValueError for an address that holds a line break."""
    mail = EmailMessage()
    mail["Subject"] = message.title
    mail["From"] = find_sender(settings)
    mail["To"] = ", ".join(settings.email_receiver)
    mail["Date"] = formatdate()
    mail["Message-ID"] = make_msgid(domain="trendscript.invalid")
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.body, cte="quoted-printable")
    return mail


def find_sender(settings: Settings) -> str:
    """EMAIL_SENDER; else the user, where that is an address; else the first receiver, whose server takes it."""
    if settings.email_sender:
        return settings.email_sender
    user = settings.smtp_user or ""
    return user if "@" in user else settings.email_receiver[0]


class _Hasty(smtplib.SMTP):
    """Waits no longer for all answers than for one: a mail that is taken later would be sent again as not told."""

    def __init__(self, host: str, port: int, **how: Any) -> None:
        self._deadline = time.monotonic() + _ANSWER_SECONDS
        super().__init__(host, port, timeout=_ANSWER_SECONDS, **how)

    def getreply(self) -> tuple[int, bytes]:
        """The server's answer, in the time that is left. Raises SMTPServerDisconnected, as for any time-out."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            self.close()
            raise smtplib.SMTPServerDisconnected("no time is left")
        if self.sock is not None:
            self.sock.settimeout(left)
        return super().getreply()


class _HastyTls(_Hasty, smtplib.SMTP_SSL):
    """The same with TLS from the start."""


def _connect(settings: Settings) -> smtplib.SMTP:
    host, port = settings.smtp_server or "", settings.smtp_port
    if settings.smtp_tls == "tls" or (settings.smtp_tls == "auto" and port == smtplib.SMTP_SSL_PORT):
        return _HastyTls(host, port, context=ssl.create_default_context())
    return _Hasty(host, port)


def _secure(server: smtplib.SMTP, settings: Settings) -> None:
    """Switch to TLS where that is wanted. Raises NotSent rather than send a password in clear."""
    if settings.smtp_tls == "off" or isinstance(server, smtplib.SMTP_SSL):
        return
    server.ehlo_or_helo_if_needed()
    if server.has_extn("starttls"):
        server.starttls(context=ssl.create_default_context())
    elif settings.smtp_tls == "starttls" or settings.smtp_user:
        raise NotSent("the server offers no STARTTLS; SMTP_TLS=off would send user and password in clear")


def _cause(error: Exception) -> str:
    """Why, without what the server said: it may repeat what it was sent."""
    match error:
        case smtplib.SMTPAuthenticationError():
            cause = f"the server refuses SMTP_USER or SMTP_PASSWORD ({error.smtp_code})"
        case smtplib.SMTPResponseException():
            cause = f"the server answered {error.smtp_code}"
        case smtplib.SMTPRecipientsRefused():
            cause = "the server refuses every receiver"
        case ssl.SSLCertVerificationError():
            cause = (
                f"the server's certificate is not trusted ({error.verify_message}); SSL_CERT_FILE names its authority"
            )
        case TimeoutError() | smtplib.SMTPServerDisconnected():  # smtplib makes the one of the other
            cause = "the server hung up, or didn't answer in time"
        case _:
            cause = f"{type(error).__name__}{f': {words}' if (words := getattr(error, 'strerror', None)) else ''}"
    return cause
