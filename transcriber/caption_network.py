"""The way to YouTube's captions: a session that reaches YouTube's own pages by HTTPS, and does not wait long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from requests import Session
from requests.adapters import HTTPAdapter

if TYPE_CHECKING:
    from requests import Response
    from requests.adapters import BaseAdapter

TIMEOUT_SECONDS = 30.0
"""A server that says nothing for so long is gone."""

# The second asks visitors from some countries for their consent, on the way to the first.
_SITES = ("https://www.youtube.com/", "https://consent.youtube.com/")


class _Session(Session):
    """Gives every request a timeout, as requests has none of its own."""

    def __init__(self, timeout_seconds: float) -> None:
        super().__init__()
        self._timeout_seconds = timeout_seconds

    def request(self, *arguments: Any, **options: Any) -> Response:
        options.setdefault("timeout", self._timeout_seconds)
        return super().request(*arguments, **options)


def open_session(adapter: BaseAdapter | None = None, *, timeout_seconds: float = TIMEOUT_SECONDS) -> Session:
    """A session of its own for one video, as sessions are not for two threads. Other sites raise InvalidSchema."""
    session = _Session(timeout_seconds)
    session.adapters.clear()
    for site in _SITES:
        session.mount(site, adapter or HTTPAdapter())
    return session
