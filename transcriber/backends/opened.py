"""Backends by model: a model's name goes in, its backend comes out, opened when it is first asked for."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from transcriber.faults import OperatorNeeded, VideoFault

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from transcriber.backends.backend import Backend
    from trendscript.settings import Settings

_MOST_OPEN = 2
"""A model may fill much of the memory; more than two at once are seldom asked for."""


class Backends:
    """Opens backends with `open_one` and keeps those used last; for any thread. `usual` is the settings' model.

    `allowed` are the others that a request may name; None is any.
    """

    def __init__(
        self, kind: str, usual: str, open_one: Callable[[str], Backend], *, allowed: Collection[str] | None = None
    ) -> None:
        self.kind = kind
        self.usual = usual
        self._open_one = open_one
        self._allowed = allowed
        self._lock = threading.Lock()
        self._open: OrderedDict[str, Backend] = OrderedDict()

    def get(self, model: str | None) -> Backend:
        """The backend of a model; None is the usual one.

        Raises VideoFault `refused_by_backend` for another model than the usual one that can't be had: the service
        must not wait for somebody to mend what one request names; `model_not_allowed` for one that no request may
        name. Else raises ServiceFault.
        """
        name = model or self.usual
        self._check_allowed(name)
        with self._lock:
            if name not in self._open:
                self._open[name] = self._opened(name)
            self._open.move_to_end(name)
            while len(self._open) > _MOST_OPEN:
                self._open.popitem(last=False)
            return self._open[name]

    def _check_allowed(self, name: str) -> None:
        if self._allowed is None or name == self.usual or name in self._allowed:
            return
        detail = (
            f"The request names the model {name!r}, which is neither one of Whisper's own sizes nor listed in "
            "TRANSCRIPTION_MODELS. List it there, and ask again."
        )
        raise VideoFault("model_not_allowed", detail)

    def _opened(self, name: str) -> Backend:
        try:
            return self._open_one(name)
        except OperatorNeeded as fault:
            if name == self.usual:
                raise
            detail = f"The request names the model {name!r}, which can't be had: {fault}"
            raise VideoFault("refused_by_backend", detail) from fault


def open_backends(settings: Settings, *, stop: Callable[[], bool]) -> Backends:
    """The backends that TRANSCRIPTION_BACKEND names. `stop` ends what waits for a server.

    Here a model's name is what is fetched, or a folder that is read, so not every name will do; a server has the
    models that it has.

    Raises OperatorNeeded where there is no key for OpenAI's own servers.
    """
    if settings.transcription_backend == "openai":
        return _openai_backends(settings, stop)
    from transcriber.backends.whisper import (  # noqa: PLC0415  (not needed where a server listens)
        open_local_backend,
        own_models,
    )

    return Backends(
        "local",
        settings.whisper_model,
        lambda model: open_local_backend(
            model,
            device=settings.whisper_device,
            compute_type=settings.whisper_compute_type,
            threads=settings.whisper_threads,
            word_times=settings.transcription_word_times,
        ),
        allowed=own_models() | set(settings.transcription_models),
    )


def _openai_backends(settings: Settings, stop: Callable[[], bool]) -> Backends:
    from transcriber.backends.openai_api import open_openai_backend  # noqa: PLC0415  (as above)

    key = settings.openai_api_key
    if key is None and settings.openai_base_url is None:
        raise OperatorNeeded(
            "TRANSCRIPTION_BACKEND is openai, and there is no key. Set OPENAI_API_KEY or OPENAI_API_KEY_FILE, "
            "or OPENAI_BASE_URL for a server of your own."
        )
    return Backends(
        "openai",
        settings.openai_model,
        lambda model: open_openai_backend(
            model,
            api_key=key.get_secret_value() if key else "none",  # a server of one's own may ask for none
            base_url=settings.openai_base_url,
            word_times=settings.transcription_word_times,
            language=settings.transcription_language,
            stop=stop,
        ),
    )
