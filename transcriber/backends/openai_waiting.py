"""Waiting that ends when the service is asked to stop: for seconds to pass, or for a call to come back."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, TypeVar

from transcriber.faults import Stopped

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_LOOK_EVERY_SECONDS = 0.1


class DeadlinePassed(Exception):
    """Raised when a call has not come back in time."""


def wait_seconds(seconds: float, stop: Callable[[], bool]) -> None:
    """Let time pass. Raises Stopped a moment after `stop` says so."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if stop():
            raise Stopped
        time.sleep(min(left, _LOOK_EVERY_SECONDS))


def call_unless_stopped(call: Callable[[threading.Event], T], *, seconds: float, stop: Callable[[], bool]) -> T:
    """What `call` gives, on a thread of its own. The event it is given is set when nobody waits for it any more.

    Raises Stopped a moment after `stop` says so, DeadlinePassed after `seconds`, else what `call` raises. The
    thread is then left to itself: it ends no later than the call, and keeps no process alive.
    """
    future: Future[T] = Future()
    given_up = threading.Event()
    threading.Thread(target=_settle, args=(future, call, given_up), daemon=True).start()
    until = time.monotonic() + seconds
    try:
        while not wait([future], timeout=_LOOK_EVERY_SECONDS).done:
            if stop():
                raise Stopped
            if time.monotonic() > until:
                raise DeadlinePassed
    finally:
        given_up.set()
    return future.result()


def _settle(future: Future[T], call: Callable[[threading.Event], T], given_up: threading.Event) -> None:
    try:
        future.set_result(call(given_up))
    except Exception as error:  # noqa: BLE001  (handed to the thread that waits, which raises it)
        future.set_exception(error)
