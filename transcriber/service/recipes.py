"""Recipes of requests: a request goes in; who listens to its audio, and how, comes out."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from transcriber.faults import ModelGone, VideoFault
from transcriber.records import Recipe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from transcriber.backends.backend import Backend
    from transcriber.backends.opened import Backends
    from trendscript.transcription_requests import TranscriptionRequest


class Recipes:
    """Who there is to listen, and the language that is asked for, if any; for any thread."""

    def __init__(self, backends: Backends, language: str | None) -> None:
        self._backends = backends
        self._language = language

    def backend(self, request: TranscriptionRequest) -> Backend:
        """Who listens. Raises VideoFault or ServiceFault."""
        return self._backends.get(request.model)

    def of(self, request: TranscriptionRequest) -> Recipe:
        """All that decides what the transcript says, beside the audio. Raises VideoFault or ServiceFault."""
        backend = self.backend(request)
        asked = {} if self._language is None else {"language": self._language}
        return Recipe(backend.name, backend.model, backend.revision, {**backend.options, **asked})

    def named(self, request: TranscriptionRequest) -> Recipe:
        """What is known of the recipe without the model being there."""
        return Recipe(self._backends.kind, request.model or self._backends.usual, None, {})

    @contextmanager
    def model_of(self, request: TranscriptionRequest) -> Iterator[None]:
        """Work of its model: one that is gone is the request's own affair where it is not the usual one."""
        try:
            yield
        except ModelGone as fault:
            if request.model in (None, self._backends.usual):
                raise
            raise VideoFault("refused_by_backend", f"The request names a model that is not there: {fault}") from fault
