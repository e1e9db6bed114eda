"""What the work is done with: settings go in, the tools that they name and what they say of all work come out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from transcriber.audio.decode import AudioLimits
from transcriber.backends.opened import open_backends
from transcriber.service.known_work import KnownWork
from transcriber.sources import open_source

if TYPE_CHECKING:
    from collections.abc import Callable

    from transcriber.audio.source import AudioSource
    from transcriber.backends.opened import Backends
    from transcriber.captions import Captions
    from transcriber.service.done import DoneWork
    from trendscript.settings import Settings

CaptionsUse = Literal["off", "first", "also"]


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

    def has_transcription(self, name: str) -> bool:
        """Whether a transcription of this id is published or loaded."""
        return self.done.is_published(name) or self.known.holds_transcription(name)


def open_tools(settings: Settings, done: DoneWork, *, stop: Callable[[], bool]) -> Tools:
    """What the settings name. Raises AudioFolderMissing or OperatorNeeded."""
    languages = () if settings.transcription_language is None else (settings.transcription_language,)

    def captions(video_id: str) -> Captions | None:
        from transcriber.captions import read_captions  # noqa: PLC0415  (its client is needed only where it is asked)

        return read_captions(video_id, languages=languages)

    return Tools(
        source=open_source(settings),
        backends=open_backends(settings, stop=stop),
        read_captions=captions,
        known=KnownWork.of(settings),
        done=done,
    )


def to_wishes(settings: Settings) -> Wishes:
    """What the settings say of all work."""
    return Wishes(
        AudioLimits(max_seconds=settings.audio_max_seconds, max_bytes=settings.audio_max_bytes),
        language=settings.transcription_language,
        captions=settings.transcription_captions,
    )
