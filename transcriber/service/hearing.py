"""Hearing: audio that was brought goes in, an answer with what is said in it comes out; what is done is kept."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol

from transcriber.audio.decode import decode
from transcriber.audio.disk import disk_faults
from transcriber.faults import VideoFault
from transcriber.listening.kept import KeptPieces
from transcriber.listening.listen import transcribe_audio
from transcriber.outgoing import to_fitting_message
from transcriber.records import transcription_id
from transcriber.service.brought import Answer, to_attempt

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from transcriber.audio.pcm import DecodedAudio
    from transcriber.service.brought import Brought
    from transcriber.service.recipes import Recipes
    from transcriber.service.tools import Tools, Wishes
    from transcriber.speech import Transcript
    from trendscript.transcription_requests import TranscriptionRequest

_SECONDS = "seconds"
"""Under which name the pieces of a transcription keep what they took."""


class Observer(Protocol):
    """Is told how far the listening to a video is."""

    def note_progress(self, seconds: float, of: float) -> None:
        """So many seconds of the audio are done."""

    def note_kept(self) -> None:
        """Something is on the disk by now that need not be done again."""


class Hearing:
    """The listening, with pieces that are done in `pieces`; for one thread."""

    def __init__(self, tools: Tools, wishes: Wishes, recipes: Recipes, pieces: Path) -> None:
        self._tools = tools
        self._wishes = wishes
        self._recipes = recipes
        self._pieces = pieces

    def listen(
        self, request: TranscriptionRequest, brought: Brought, *, stop: Callable[[], bool], observer: Observer
    ) -> Answer:
        """Decode what was brought and have it transcribed, piece by piece. Raises ServiceFault or Stopped."""
        recipe = self._recipes.of(request)
        name = transcription_id(request.video_id, brought.heard.sha256, recipe)
        if not request.again and self._tools.done.is_published(name):
            return brought.already_there()
        pieces = _ObservedPieces(self._pieces / name, observer)
        with disk_faults(self._pieces):
            try:
                audio = self._decode(brought, stop)
                with self._recipes.model_of(request):
                    transcript = self._transcribe(request, audio, pieces, stop, observer)
                message = to_fitting_message(
                    transcript, to_attempt(request), recipe, brought.heard, pieces.seconds_spent()
                )
            except VideoFault as fault:
                pieces.discard()
                return brought.failed(request, recipe, fault)
        return Answer(
            "transcribed",
            (*brought.before, message),
            audio_seconds=audio.seconds,
            seconds=pieces.seconds_spent(),
            transcription_ids=(*brought.ids, name),
        )

    def _decode(self, brought: Brought, stop: Callable[[], bool]) -> DecodedAudio:
        look = brought.seen
        expected = look.format.duration_seconds
        if expected is None and look.details is not None:
            expected = look.details.length_seconds
        if brought.file is None or brought.folder is None:
            raise FileNotFoundError("There is no audio to decode.")
        return decode(
            brought.file,
            brought.folder / "samples",
            limits=self._wishes.limits,
            expected_seconds=expected,
            stop=stop,
        )

    def _transcribe(
        self,
        request: TranscriptionRequest,
        audio: DecodedAudio,
        pieces: KeptPieces,
        stop: Callable[[], bool],
        observer: Observer,
    ) -> Transcript:
        return transcribe_audio(
            audio,
            self._recipes.backend(request),
            keep=pieces,
            language=self._wishes.language,
            stop=stop,
            on_progress=lambda seconds: observer.note_progress(seconds, audio.seconds),
        )


class _ObservedPieces(KeptPieces):
    """Kept pieces that tell when there is one more, and know what they took over all runs of the work."""

    def __init__(self, folder: Path, observer: Observer) -> None:
        super().__init__(folder)
        self._observer = observer
        self._before = float(self.read(_SECONDS) or 0.0)
        self._began = time.monotonic()

    def seconds_spent(self) -> float:
        """Seconds of this run, and of those before it as far as they led to a piece."""
        return self._before + time.monotonic() - self._began

    def save(self, name: str, value: Any) -> None:
        """Keep it, then tell."""
        super().save(name, value)
        super().save(_SECONDS, self.seconds_spent())
        self._observer.note_kept()
