"""Which source gives audio: settings go in, the source they name comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trendscript.errors import NeedsAPerson

if TYPE_CHECKING:
    from transcriber.audio.source import AudioSource
    from trendscript.settings import Settings


class AudioFolderMissing(NeedsAPerson):
    """Raised when audio is to come from a folder and AUDIO_FOLDER names none."""


def open_source(settings: Settings) -> AudioSource:
    """The source that AUDIO_SOURCE names, within AUDIO_MAX_SECONDS and AUDIO_MAX_BYTES. Raises AudioFolderMissing."""
    from transcriber.audio.decode import AudioLimits  # noqa: PLC0415  (PyAV is slow to import)

    limits = AudioLimits(max_seconds=settings.audio_max_seconds, max_bytes=settings.audio_max_bytes)
    if settings.audio_source == "pytubefix":
        from transcriber.audio.youtube import PytubefixSource  # noqa: PLC0415  (a folder needs no pytubefix)

        return PytubefixSource(limits)
    from transcriber.audio.folder import FolderSource  # noqa: PLC0415  (YouTube needs no folder)

    if settings.audio_folder is None:
        raise AudioFolderMissing(
            "AUDIO_SOURCE is folder, but AUDIO_FOLDER is not set. Name a folder of files called by their video's id."
        )
    return FolderSource(settings.audio_folder, limits)
