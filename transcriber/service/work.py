"""The work on one request, as named steps: a request goes in, messages that say what came of it come out.

It is in two parts, so that the next video's audio is brought while this one's is listened to.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import structlog

from transcriber.audio.decode import decode, sha256_of
from transcriber.audio.disk import disk_faults
from transcriber.faults import LookRefused, ModelGone, PassingFault, ServiceFault, VideoFault
from transcriber.listening.kept import KeptPieces
from transcriber.listening.listen import transcribe_audio
from transcriber.records import (
    Attempt,
    AudioFile,
    Recipe,
    captions_id,
    failure_id,
    to_audio_format_message,
    to_captions_message,
    to_failure_message,
    to_transcription_message,
    transcription_id,
)
from transcriber.service.done import Answer
from trendscript.kafka import MAX_MESSAGE_BYTES, Message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from transcriber.audio.decode import AudioLimits
    from transcriber.audio.pcm import DecodedAudio
    from transcriber.audio.source import AudioSource, Look
    from transcriber.backends.opened import Backends
    from transcriber.captions import Captions
    from transcriber.service.done import DoneWork
    from transcriber.service.known_work import KnownWork
    from transcriber.speech import Transcript
    from trendscript.transcription_requests import TranscriptionRequest

_log = structlog.get_logger(__name__)

_MOST_BYTES = MAX_MESSAGE_BYTES - 16 * 1024
"""The contract's limit counts what the broker puts around a message, too."""

_SECONDS = "seconds"
"""Under which name the pieces of a transcription keep what they took."""

CaptionsUse = Literal["off", "first", "also"]


class Observer(Protocol):
    """Is told how far the listening to a video is."""

    def note_progress(self, seconds: float, of: float) -> None:
        """So many seconds of the audio are done."""

    def note_kept(self) -> None:
        """Something is on the disk by now that need not be done again."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the settings say of all work. `language` is an ISO 639-1 code; None has it detected."""

    limits: AudioLimits
    language: str | None = None
    captions: CaptionsUse = "off"


@dataclass(frozen=True, slots=True)
class Tools:
    """What the work is done with."""

    source: AudioSource
    backends: Backends
    read_captions: Callable[[str], Captions | None]
    known: KnownWork
    done: DoneWork


@dataclass(frozen=True, slots=True)
class Brought:
    """What the first part found. `answer` is set where that is all there is to do; else there is audio to listen to.

    `folder` holds the audio and belongs to whoever has this value; it may be gone.
    """

    answer: Answer | None = None
    before: tuple[Message, ...] = ()
    ids: tuple[str, ...] = ()
    look: Look | None = None
    audio: AudioFile | None = None
    file: Path | None = None
    folder: Path | None = None

    def discard(self) -> None:
        """Delete the audio."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


class Work:
    """Does requests, with audio of the moment in `scratch`, and pieces that are done in `pieces`.

    `bring` is for one thread and `listen` for another. Both raise ServiceFault and Stopped, and nothing of a video's.
    """

    def __init__(self, tools: Tools, wishes: Wishes, *, scratch: Path, pieces: Path) -> None:
        self._tools = tools
        self._wishes = wishes
        self._pieces = pieces
        self._audio = scratch

    def bring(self, request: TranscriptionRequest, *, stop: Callable[[], bool]) -> Brought:
        """Captions, a look, what is known already, and the audio of a request: all but the listening."""
        found = Brought()
        recipe = self._named_recipe(request)
        try:
            recipe = self._recipe(request)
            found = self._add_captions(request, found)
            if found.answer is not None:
                return found
            found = self._look(request, found)
            if not request.again and self._tools.known.holds_audio(_seen(found), recipe):
                return replace(found, answer=_already_there(found))
            with disk_faults(self._audio):
                return self._fetch(request, found, recipe, stop)
        except VideoFault as fault:
            return replace(found, answer=self._failed(request, recipe, fault, found))

    def listen(
        self, request: TranscriptionRequest, brought: Brought, *, stop: Callable[[], bool], observer: Observer
    ) -> Answer:
        """Decode what was brought and have it transcribed, piece by piece; what is done is kept if it is stopped."""
        if brought.answer is not None:
            return self._unless_done(request, brought, brought.answer)
        recipe = self._recipe(request)
        name = self._id(request, _heard(brought))
        if not request.again and self._tools.done.is_published(name):
            return _already_there(brought)
        pieces = _ObservedPieces(self._pieces / name, observer)
        with disk_faults(self._audio):
            try:
                audio = self._decode(brought, stop)
                with self._named_model(request):
                    transcript = self._transcribe(request, audio, pieces, stop, observer)
                message = _to_fitting_message(
                    transcript, _attempt(request), recipe, _heard(brought), pieces.seconds_spent()
                )
            except VideoFault as fault:
                pieces.discard()
                return self._failed(request, recipe, fault, brought)
        return Answer(
            "transcribed",
            (*brought.before, message),
            audio_seconds=audio.seconds,
            seconds=pieces.seconds_spent(),
            transcription_ids=(*brought.ids, name),
        )

    def _unless_done(self, request: TranscriptionRequest, brought: Brought, answer: Answer) -> Answer:
        """The answer, unless the request before it, which was worked on while this was brought, had the same."""
        same = answer.outcome == "transcribed" and all(map(self._tools.done.is_published, answer.transcription_ids))
        return _already_there(replace(brought, before=())) if same and not request.again else answer

    def can_look(self, request: TranscriptionRequest) -> bool:
        """Whether the source answers about a video now, be it that the video can't be had."""
        try:
            self._tools.source.look(request.video_id)
        except VideoFault:
            return True
        except ServiceFault:
            return False
        return True

    def fail(self, request: TranscriptionRequest, fault: VideoFault) -> Answer:
        """The answer to a request that is not to be begun."""
        return self._failed(request, self._named_recipe(request), fault, Brought())

    def discard_pieces(self, answer: Answer) -> None:
        """Delete what was kept of a transcription that is published."""
        for name in answer.transcription_ids:
            KeptPieces(self._pieces / name).discard()

    def _recipe(self, request: TranscriptionRequest) -> Recipe:
        backend = self._tools.backends.get(request.model)
        asked = {} if self._wishes.language is None else {"language": self._wishes.language}
        return Recipe(backend.name, backend.model, backend.revision, {**backend.options, **asked})

    def _named_recipe(self, request: TranscriptionRequest) -> Recipe:
        """What is known of the recipe without the model being there."""
        return Recipe(self._tools.backends.kind, request.model or self._tools.backends.usual, None, {})

    @contextmanager
    def _named_model(self, request: TranscriptionRequest) -> Iterator[None]:
        """A model that is gone is the request's own affair where it is not the usual one."""
        try:
            yield
        except ModelGone as fault:
            if request.model in (None, self._tools.backends.usual):
                raise
            raise VideoFault("refused_by_backend", f"The request names a model that is not there: {fault}") from fault

    def _id(self, request: TranscriptionRequest, audio: AudioFile) -> str:
        return transcription_id(request.video_id, audio.sha256, self._recipe(request))

    def _add_captions(self, request: TranscriptionRequest, found: Brought) -> Brought:
        """Captions that can't be had for the video's own sake are no captions: the look will say why."""
        if self._wishes.captions == "off":
            return found
        try:
            captions = self._tools.read_captions(request.video_id)
        except VideoFault as fault:
            _log.info("no_captions", video_id=request.video_id, reason=fault.reason)
            return found
        if captions is None:
            return found
        name = captions_id(request.video_id, captions)
        enough = self._wishes.captions == "first"
        if not request.again and self._is_there(name):
            return replace(found, answer=_already_there(found) if enough else None)
        message = to_captions_message(captions, _attempt(request))
        if len(message.value or b"") > _MOST_BYTES:
            _log.warning("captions_too_large", video_id=request.video_id, bytes=message.size())
            return found
        answer = Answer("transcribed", (message,), transcription_ids=(name,)) if enough else None
        return replace(found, answer=answer, before=(message,), ids=(name,))

    def _look(self, request: TranscriptionRequest, found: Brought) -> Brought:
        try:
            look = self._tools.source.look(request.video_id)
        except PassingFault as fault:
            raise LookRefused(str(fault), retry_after=fault.retry_after) from fault
        if self._tools.known.holds_format(look):
            return replace(found, look=look)
        message = to_audio_format_message(look, _now(), self._tools.source.name)
        return replace(found, look=look, before=(*found.before, message))

    def _fetch(
        self, request: TranscriptionRequest, found: Brought, recipe: Recipe, stop: Callable[[], bool]
    ) -> Brought:
        """Bring the audio, unless what comes of it turns out to be there already."""
        look = _seen(found)
        folder = Path(tempfile.mkdtemp(dir=self._audio))
        try:
            file = self._tools.source.fetch(look, folder, stop=stop)
            size = file.stat().st_size
            # A source may have had to take another format than the one it showed: then nobody knows the number.
            audio = AudioFile(sha256_of(file), size, look.format.itag if size == look.format.bytes else None)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        found = replace(found, audio=audio, file=file, folder=folder)
        if not request.again and self._is_there(transcription_id(request.video_id, audio.sha256, recipe)):
            found.discard()
            return replace(found, answer=_already_there(found))
        return found

    def _is_there(self, name: str) -> bool:
        return self._tools.done.is_published(name) or self._tools.known.holds_transcription(name)

    def _decode(self, brought: Brought, stop: Callable[[], bool]) -> DecodedAudio:
        look = _seen(brought)
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
            self._tools.backends.get(request.model),
            keep=pieces,
            language=self._wishes.language,
            stop=stop,
            on_progress=lambda seconds: observer.note_progress(seconds, audio.seconds),
        )

    def _failed(self, request: TranscriptionRequest, recipe: Recipe, fault: VideoFault, found: Brought) -> Answer:
        """A failed attempt is an answer; what was seen before it failed goes out with it."""
        message = to_failure_message(fault, _attempt(request), recipe)
        name = failure_id(request.video_id, recipe, fault.reason)
        _log.info("video_failed", video_id=request.video_id, reason=fault.reason, detail=fault.detail)
        return Answer("failed", (*found.before, message), fault.reason, transcription_ids=(*found.ids, name))


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


def _to_fitting_message(
    transcript: Transcript, attempt: Attempt, recipe: Recipe, audio: AudioFile, seconds: float
) -> Message:
    """The transcript as a message; without its words' times if it is too large with them.

    Raises VideoFault `transcript_too_large` if it is too large without.
    """
    for words in (True, False):
        message = to_transcription_message(transcript, attempt, recipe, audio, processing_seconds=seconds, words=words)
        if len(message.value or b"") <= _MOST_BYTES:
            return message
    raise VideoFault(
        "transcript_too_large",
        f"The transcript has {message.size():,} bytes; a message takes {_MOST_BYTES:,}.",
    )


def _already_there(found: Brought) -> Answer:
    return Answer("skipped", found.before, "already_there", transcription_ids=found.ids)


def _seen(found: Brought) -> Look:
    if found.look is None:
        raise LookupError("Nobody has looked at the video.")
    return found.look


def _heard(brought: Brought) -> AudioFile:
    if brought.audio is None:
        raise LookupError("No audio was brought.")
    return brought.audio


def _attempt(request: TranscriptionRequest) -> Attempt:
    return Attempt(request.video_id, request.request_id, _now())


def _now() -> datetime:
    return datetime.now(UTC)
