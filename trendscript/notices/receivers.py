"""Receivers: settings go in, who is to be told comes out; a message goes to all of them at once, within a time."""

from __future__ import annotations

import logging
import queue
import re
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from trendscript.errors import NeedsAPerson

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trendscript.notices.message import Message
    from trendscript.settings import Settings


class NoReceivers(NeedsAPerson):
    """Raised when somebody is to be told, and no setting says who."""

    def __init__(self) -> None:
        super().__init__("Nobody is to be told. Set NOTIFY_URLS, or SMTP_SERVER and EMAIL_RECEIVER; or both.")


class NotSent(Exception):
    """Raised when one receiver could not be told; the text is the cause, and holds no secret."""


class PartlySent(NotSent):
    """Raised when some of those who share one receiver could not be told; the others have it."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """Somebody to tell. `name` is fit for a log: it holds nothing of an address."""

    name: str
    send: Callable[[Message], None]


def is_configured(settings: Settings) -> bool:
    """Whether anybody is to be told."""
    urls = settings.notify_urls.get_secret_value().strip() if settings.notify_urls else ""
    return bool(urls or (settings.smtp_server and settings.email_receiver))


def find_receivers(settings: Settings) -> list[Receiver]:
    """Those of NOTIFY_URLS, one an address, and of EMAIL_RECEIVER, all of them one. Raises NoReceivers."""
    found = [
        Receiver(f"address {number} of NOTIFY_URLS", partial(_send_by_apprise, url))
        for number, url in enumerate(_split(settings), start=1)
    ]
    if settings.smtp_server and settings.email_receiver:
        from trendscript.notices.mail import send_mail  # noqa: PLC0415  (nothing is imported where nobody is told)

        found.append(Receiver("EMAIL_RECEIVER", partial(send_mail, settings)))
    if not found:
        raise NoReceivers
    return found


def _split(settings: Settings) -> list[str]:
    """The addresses, one a line or with spaces or commas between; a line that begins with # is none."""
    if settings.notify_urls is None:
        return []
    from apprise.utils.parse import parse_urls  # noqa: PLC0415  (slow to import)

    split: Callable[[str], list[str]] = parse_urls
    lines = (line.strip() for line in settings.notify_urls.get_secret_value().splitlines())
    return [url for line in lines if line and not line.startswith("#") for url in split(line)]


def send_to_all(receivers: Sequence[Receiver], message: Message, seconds: float) -> dict[str, NotSent | None]:
    """By name, why it could not be told, or not all of it; None for one that was.

    All are told at once, and none can make it last longer: who takes longer is left to a thread that dies with us.
    """
    answers: queue.SimpleQueue[tuple[str, NotSent | None]] = queue.SimpleQueue()
    for receiver in receivers:
        threading.Thread(target=_send, args=(receiver, message, answers), daemon=True).start()
    found: dict[str, NotSent | None] = {}
    deadline = time.monotonic() + seconds
    with suppress(queue.Empty):
        while len(found) < len(receivers):
            name, cause = answers.get(timeout=max(0.0, deadline - time.monotonic()))
            found[name] = cause
    late = NotSent(f"no answer within {seconds:g} seconds")
    return {receiver.name: found.get(receiver.name, late) for receiver in receivers}


def _send(receiver: Receiver, message: Message, answers: queue.SimpleQueue[tuple[str, NotSent | None]]) -> None:
    try:
        receiver.send(message)
    except NotSent as failure:
        answers.put((receiver.name, failure))
    except Exception as bug:  # noqa: BLE001  (of a service among a hundred, whose words may hold its token)
        answers.put((receiver.name, NotSent(f"unexpected {type(bug).__name__}")))
    else:
        answers.put((receiver.name, None))


def _send_by_apprise(url: str, message: Message) -> None:
    """Send it to one address. Raises NotSent, whose text holds nothing of the address."""
    import apprise  # noqa: PLC0415  (slow to import)

    _hush()
    # One after the other in this thread: Apprise's own threads would keep the process from ending.
    asset = apprise.AppriseAsset(
        app_id="Trendscript", app_desc="Trendscript", async_mode=False, service_timeout=0, storage_mode="memory"
    )
    service = apprise.Apprise(asset=asset)
    if not service.add(url):
        raise NotSent("Apprise can't read it, or knows no such service")
    result = service.notify(
        body=message.body,
        title=message.title,
        notify_type=apprise.NotifyType(message.gravity),
        body_format=apprise.NotifyFormat.TEXT,
    )
    if not result:
        raise NotSent(_cause(result))


def _cause(result: Any) -> str:
    """What of Apprise's log is known to be no secret: the number of an HTTP answer."""
    codes = re.findall(r"error=(\d{3})\b", " ".join(str(entry) for entry in result.logs()))
    return f"the service answered {codes[0]}" if codes else "the service refused it, or could not be reached"


def _hush() -> None:
    """Apprise's own log holds addresses, tokens and all."""
    logger = logging.getLogger("apprise")
    logger.propagate = False
    if not any(isinstance(handler, logging.NullHandler) for handler in logger.handlers):
        logger.addHandler(logging.NullHandler())
